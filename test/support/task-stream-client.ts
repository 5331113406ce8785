import { Client, type ClientDuplexStream, credentials, type ServiceError } from "@grpc/grpc-js";
import {
  ClientsService,
  type TasksRequest,
  type TasksResponse,
} from "../../src/protocol/generated/flame/stream/v1/clients.ts";
import { waitFor } from "./wait-for.ts";

const nothing: TasksRequest = { lanes: [], submits: [], follows: [], credit: undefined };

export interface StreamedResult {
  readonly number: number;
  readonly state: number;
  /** Of the output. */
  readonly bytes: number;
  /** Why nothing more is known of the task. */
  readonly lost?: string;
}

/** One stream of flame.stream.v1.Clients, by hand. */
export class TaskStreamClient {
  readonly responses: TasksResponse[] = [];
  status: ServiceError | "ended" | undefined;
  readonly #client: Client;
  readonly #call: ClientDuplexStream<TasksRequest, TasksResponse>;

  /** @param reads false: it leaves everything in the connection */
  constructor(address: string, { reads = true } = {}) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
    });
    const { path, requestSerialize, responseDeserialize } = ClientsService.tasks;
    this.#call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    if (reads) this.read();
    this.#call.on("error", (error: ServiceError) => (this.status ??= error));
  }

  read(): void {
    this.#call.on("data", (response: TasksResponse) => this.responses.push(response));
    this.#call.on("end", () => (this.status ??= "ended"));
  }

  send(request: Partial<TasksRequest>): void {
    this.#call.write({ ...nothing, ...request });
  }

  lane(lane: number, sessionId: string, producer: string): void {
    this.send({ lanes: [{ lane, sessionId, producer }] });
  }

  submit(
    first: number,
    inputs: readonly (Buffer | undefined)[],
    { lane = 1, follow = true } = {},
  ): void {
    const submits = [
      { lane, first: BigInt(first), follow, inputs: inputs.map((data) => ({ data })) },
    ];
    this.send({ submits });
  }

  /** `number: task id` of each acknowledged submit. */
  get tasks(): Map<number, number> {
    const found = new Map<number, number>();
    for (const { acknowledgements } of this.responses)
      for (const { first, count, firstTask } of acknowledgements)
        for (let at = 0; at < count; at++) found.set(Number(first) + at, Number(firstTask) + at);
    return found;
  }

  /** Every result by its number, in the order in which they came. */
  get results(): readonly StreamedResult[] {
    return this.responses.flatMap(({ results }) =>
      results.flatMap((group) =>
        group.results.map(({ offset, state, output, lost }) => ({
          number: Number(group.first) + offset,
          state,
          bytes: output?.length ?? 0,
          ...(lost !== undefined && { lost }),
        })),
      ),
    );
  }

  get refusals(): TasksResponse["refusals"] {
    return this.responses.flatMap(({ refusals }) => refusals);
  }

  get ends(): TasksResponse["ends"] {
    return this.responses.flatMap(({ ends }) => ends);
  }

  async acknowledged(count: number): Promise<Map<number, number>> {
    await waitFor(`${count} acknowledgements`, () => this.tasks.size >= count);
    return this.tasks;
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }
}
