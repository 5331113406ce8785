import { Metadata, type ServerDuplexStream, status } from "@grpc/grpc-js";
import type {
  Completion,
  NodesServer,
  Ready,
  Warm,
  WorkRequest,
  WorkResponse,
} from "../../../src/protocol/generated/flame/stream/v1/nodes.ts";
import type { BindExecutorResponse } from "../../../src/protocol/generated/flame/v1/backend.ts";
import {
  ApplicationSpec,
  Executor,
  ExecutorState,
} from "../../../src/protocol/generated/flame/v1/types.ts";

type Stream = ServerDuplexStream<WorkRequest, WorkResponse>;

/** The stream of work of a scripted session manager: it gives out as much as an executor takes, as long as there are tasks. */
export class ScriptedWork {
  readonly messages: WorkRequest[] = [];
  /** Results, without those that were repeated. */
  readonly results = new Map<string, Completion>();
  readonly returned: string[] = [];
  readonly tasks: Buffer[] = [];
  /** Whether results are acknowledged. */
  acknowledges = true;
  /** In the first message of each stream; undefined: a session manager that knows no warm services. */
  warm: Warm | undefined;
  /** Tells an executor that has nothing to leave. */
  leaves = true;
  streams = 0;
  #stream: Stream | undefined;
  #next = 1;
  /** Leases that an executor has, without a result. */
  readonly #held = new Map<string, string[]>();
  readonly #credit = new Map<string, number>();

  /** What of `flame.stream.v1.Nodes` a server is made of. */
  get handlers(): NodesServer {
    return { work: (stream) => this.#serve(stream) };
  }

  get completions(): Completion[] {
    return this.messages.flatMap(({ completions }) => completions);
  }

  get texts(): string[] {
    return Array.from(this.results.values(), ({ returnCode, output, message }) =>
      returnCode === 0 ? (output?.toString("utf8") ?? "(none)") : `${returnCode} ${message ?? ""}`,
    );
  }

  get credits(): number[] {
    return this.messages.flatMap(({ ready }) => ready.map(({ credit }) => credit));
  }

  /** So many services of the application `app` are to be kept started. */
  keepWarm(spec: Parameters<typeof ApplicationSpec.fromPartial>[0], count = 1, revision = 1): void {
    const whole = ApplicationSpec.fromPartial(spec);
    this.warm = { applications: [{ name: "app", revision, spec: whole, count }] };
    this.say({ warm: this.warm });
  }

  say(message: Partial<WorkResponse>): void {
    const empty = {
      assignments: [],
      takeBacks: [],
      acknowledgements: [],
      leaves: [],
      warm: undefined,
      binds: [],
    };
    this.#stream?.write({ ...empty, ...message });
  }

  /** Assigns a task whatever the executor said. */
  assign(executorId: string, ...inputs: string[]): void {
    this.say({ assignments: inputs.map((input) => this.#assignment(executorId, input)) });
  }

  /** Gives a new executor with its session, and tasks that it is to run there, in one message. */
  give(id: string, { application, session }: BindExecutorResponse, ...inputs: string[]): void {
    const resreq = { cpu: 1n, memory: 1n, gpu: 0 };
    const executor = Executor.fromPartial({
      metadata: { id, name: id },
      spec: { node: "node-1", resreq },
      status: { state: ExecutorState.ExecutorBinding },
    });
    const assignments = inputs.map((input) => this.#assignment(id, input));
    this.say({ binds: [{ executor, application, session, requestId: "" }], assignments });
  }

  /** Sessions that services have entered, as executors said it. */
  get entered(): string[] {
    return this.messages.flatMap(({ ready }) =>
      ready.flatMap(({ executorId, entered }) =>
        entered === "" ? [] : `${executorId} ${entered}`,
      ),
    );
  }

  /** Ends the stream with a status. */
  break(code: status = status.UNAVAILABLE, details = "scripted loss"): void {
    this.#stream?.emit("error", { code, details });
    this.#stream = undefined;
  }

  #assignment(executorId: string, input: string | Buffer) {
    const taskId = String(this.#next++);
    const lease = `L${taskId}`;
    this.#held.set(executorId, [...(this.#held.get(executorId) ?? []), lease]);
    return {
      executorId,
      lease,
      sessionId: "ssn-1",
      taskId,
      input: Buffer.from(input),
      requestId: "",
    };
  }

  #serve(stream: Stream): void {
    this.#stream = stream;
    this.streams++;
    stream.sendMetadata(new Metadata());
    if (this.warm !== undefined) this.say({ warm: this.warm });
    stream.on("data", (message: WorkRequest) => this.#take(message));
    stream.on("error", () => undefined);
    stream.on("end", () => stream.end());
  }

  #take(message: WorkRequest): void {
    this.messages.push(message);
    for (const ready of message.ready) this.#heard(ready);
    for (const { executorId, leases } of message.returns) {
      this.returned.push(...leases);
      this.#drop(executorId, leases);
    }
    for (const one of message.completions) {
      if (!this.results.has(one.lease)) this.results.set(one.lease, one);
      this.#drop(one.executorId, [one.lease]);
      if (this.acknowledges)
        this.say({ acknowledgements: [{ executorId: one.executorId, leases: [one.lease] }] });
    }
    for (const executorId of this.#credit.keys()) this.#fill(executorId);
  }

  #heard({ executorId, credit, opens, held }: Ready): void {
    this.#credit.set(executorId, credit);
    if (opens)
      this.#held.set(
        executorId,
        held.map(({ lease }) => lease),
      );
  }

  #drop(executorId: string, leases: string[]): void {
    const held = this.#held.get(executorId) ?? [];
    this.#held.set(
      executorId,
      held.filter((lease) => !leases.includes(lease)),
    );
  }

  #fill(executorId: string): void {
    const held = this.#held.get(executorId)?.length ?? 0;
    const room = Math.max(0, (this.#credit.get(executorId) ?? 0) - held);
    const inputs = this.tasks.splice(0, room);
    if (inputs.length > 0)
      this.say({ assignments: inputs.map((input) => this.#assignment(executorId, input)) });
    else if (held === 0 && this.leaves) this.say({ leaves: [{ executorId }] });
  }
}
