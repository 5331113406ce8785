import { Metadata, type ServerDuplexStream } from "@grpc/grpc-js";
import type {
  TasksRequest,
  TasksResponse,
} from "../../../src/protocol/generated/flame/stream/v1/clients.ts";

const nothing: TasksResponse = { acknowledgements: [], refusals: [], results: [], ends: [] };

/** One stream that a client opened, and what came on it. */
export class ServedStream {
  readonly lanes: TasksRequest["lanes"] = [];
  readonly submits: TasksRequest["submits"] = [];
  readonly follows: TasksRequest["follows"] = [];
  readonly credits: { results: number; bytes: number }[] = [];
  messages = 0;
  over = false;
  readonly call: ServerDuplexStream<TasksRequest, TasksResponse>;

  constructor(call: ServerDuplexStream<TasksRequest, TasksResponse>) {
    this.call = call;
    call.on("data", ({ lanes, submits, follows, credit }: TasksRequest) => {
      this.messages++;
      this.lanes.push(...lanes);
      this.submits.push(...submits);
      this.follows.push(...follows);
      if (credit !== undefined) this.credits.push(credit);
    });
    for (const event of ["end", "cancelled", "error"] as const)
      call.on(event, () => {
        this.over = true;
        call.end();
      });
  }

  get inputs(): number {
    return this.submits.reduce((sum, { inputs }) => sum + inputs.length, 0);
  }

  get credit(): number {
    return this.credits.reduce((sum, { results }) => sum + results, 0);
  }

  answer(): void {
    this.call.sendMetadata(new Metadata());
  }

  send(response: Partial<TasksResponse>): void {
    this.call.write({ ...nothing, ...response });
  }

  acknowledge(
    count: number,
    options: { lane?: number; first?: number; firstTask?: number } = {},
  ): void {
    const { lane = 1, first = 1, firstTask = first } = options;
    const range = { lane, first: BigInt(first), count, firstTask: BigInt(firstTask) };
    this.send({ acknowledgements: [{ ...range, creationTime: 1 }] });
  }

  /** The results of so many numbers, each Succeed. */
  results(count: number, { lane = 1, first = 1, output = Buffer.alloc(0) } = {}): void {
    const results = Array.from({ length: count }, (_, offset) => ({
      offset,
      state: 2,
      output,
      elsewhere: false,
      creationTime: 1,
      completionTime: 2,
      events: [],
    }));
    this.send({ results: [{ lane, first: BigInt(first), results }] });
  }
}
