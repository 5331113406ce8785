import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { NodesService } from "../../../src/protocol/generated/flame/stream/v1/nodes.ts";
import {
  BackendService,
  BindExecutorResponse,
  LaunchTaskResponse,
  type RegisterNodeRequest,
  type WatchNodeRequest,
  type WatchNodeResponse,
} from "../../../src/protocol/generated/flame/v1/backend.ts";
import {
  Application,
  Executor,
  ExecutorState,
  Session,
  Task,
  type TaskResult,
} from "../../../src/protocol/generated/flame/v1/types.ts";
import { waitFor } from "../../support/wait-for.ts";
import type { ScriptedWork } from "./scripted-work.ts";

/** For tasks of tens of MiB on a busy machine. */
const callDeadlineMs = 60_000;

/** One call that the node made. */
export interface SeenCall {
  readonly rpc: string;
  readonly request: unknown;
}

type Stream = ServerDuplexStream<WatchNodeRequest, WatchNodeResponse>;
type Unary = (call: ServerUnaryCall<never, unknown>, callback: sendUnaryData<unknown>) => void;

/** A Backend that says what the test tells it to, and remembers what it was asked. */
export class ScriptedBackend {
  readonly calls: SeenCall[] = [];
  readonly heartbeats: WatchNodeRequest[] = [];
  readonly results: TaskResult[] = [];
  readonly registrations: RegisterNodeRequest[] = [];
  /** Statuses that the next calls of an RPC fail with. */
  readonly failures = new Map<string, status[]>();
  /** Answers of BindExecutor, in turn; undefined tells the executor to go. */
  readonly bindings: (BindExecutorResponse | undefined)[] = [];
  readonly tasks: Buffer[] = [];
  /** While true, LaunchTask waits for tasks instead of answering that there is none. */
  keepBound = false;
  /** What LaunchTask answers as `flame-lease`; undefined: a session manager that does not fence. */
  lease: string | undefined;
  /** What CompleteTask returned as `flame-lease`. */
  readonly leases: unknown[] = [];
  /** Swallows so many pushes, as the reference does for each earlier stream of a node that came back hastily. */
  losePushes = 0;
  /** Executors that it believes the node has: what SyncNode answers. */
  readonly believed: Executor[] = [];
  /** While true, LaunchTask answers a task again and again until CompleteTask has accepted its result. */
  repeatTasks = false;
  /** Undefined: a session manager that does not know the stream of work. */
  work: ScriptedWork | undefined;
  #nextTask = 1;
  #server = new Server();
  #stream: Stream | undefined;
  #port = 0;

  /** `host:port` of a frontend whose Backend this is. */
  get port(): number {
    return this.#port - 1;
  }

  get watched(): boolean {
    return this.#stream !== undefined;
  }

  async start(): Promise<void> {
    this.#server = new Server({
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
    this.#server.addService(BackendService, {
      ...Object.fromEntries(
        Object.entries(this.#handlers()).map(([name, handle]) => [name, this.#seen(name, handle)]),
      ),
      watchNode: (stream: Stream) => this.#watch(stream),
    });
    if (this.work !== undefined) this.#server.addService(NodesService, this.work.handlers);
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(
        `127.0.0.1:${this.#port}`,
        ServerCredentials.createInsecure(),
        (error, port) => (error === null ? resolve(port) : reject(error)),
      );
    });
  }

  async stop(): Promise<void> {
    this.#stream = undefined;
    this.#server.forceShutdown();
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
  }

  /** Ends the node's stream, as a manager does that has heard nothing. */
  endStream(): void {
    this.#stream?.end();
    this.#stream = undefined;
  }

  /** Ends the node's stream with an error, as a lost connection does. */
  breakStream(): void {
    this.#stream?.emit("error", { code: status.UNAVAILABLE, details: "scripted loss" });
    this.#stream = undefined;
  }

  /** Pushes an executor on the node's stream. */
  push(id: string, state: ExecutorState = ExecutorState.ExecutorVoid): void {
    const executor = Executor.fromPartial({
      metadata: { id, name: id },
      spec: { node: "node", resreq: { cpu: 1n, memory: 1n, gpu: 0 } },
      status: { state },
    });
    this.believed.push(executor);
    if (this.losePushes-- > 0) return;
    this.#stream?.write({ response: { $case: "executor", value: executor } });
  }

  rpcs(): string[] {
    return this.calls.map(({ rpc }) => rpc);
  }

  /** Waits until an RPC was called so often. */
  async called(rpc: string, times = 1): Promise<void> {
    await waitFor(
      `${times} x ${rpc} among ${this.rpcs().join(" ")}`,
      () => this.count(rpc) >= times,
      { deadlineMs: callDeadlineMs },
    );
  }

  count(rpc: string): number {
    return this.calls.filter((call) => call.rpc === rpc).length;
  }

  requests<T>(rpc: string): T[] {
    return this.calls.filter((call) => call.rpc === rpc).map(({ request }) => request as T);
  }

  #watch(stream: Stream): void {
    stream.sendMetadata(stream.metadata);
    stream.on("data", (message: WatchNodeRequest) => {
      this.heartbeats.push(message);
      this.#stream = stream;
      stream.write({ response: { $case: "ack", value: { timestamp: 1n } } });
    });
    stream.on("error", () => undefined);
    stream.on("end", () => stream.end());
  }

  #seen(rpc: string, handle: Unary): Unary {
    return (call, callback) => {
      this.calls.push({ rpc, request: call.request });
      if (rpc === "completeTask") this.leases.push(...call.metadata.get("flame-lease"));
      // Unbinding gives a task back.
      if (rpc === "unbindExecutor" && this.repeatTasks) this.tasks.shift();
      const code: status | undefined = this.failures.get(rpc)?.shift();
      if (code === undefined) handle(call, callback);
      else callback({ code, details: `scripted ${status[code]}` });
    };
  }

  #handlers(): Record<string, Unary> {
    const ok: Unary = (_call, callback) => callback(null, { returnCode: 0 });
    return {
      registerNode: (call, callback) => {
        this.registrations.push(call.request);
        ok(call, callback);
      },
      syncNode: (call, callback) => {
        const { node } = call.request as { node: unknown };
        callback(null, { node, executors: this.believed });
      },
      registerExecutor: ok,
      unregisterExecutor: ok,
      bindExecutorCompleted: ok,
      unbindExecutor: ok,
      unbindExecutorCompleted: ok,
      completeTask: (call, callback) => {
        const { taskResult } = call.request as { taskResult: TaskResult };
        this.results.push(taskResult);
        if (this.repeatTasks) this.tasks.shift();
        ok(call, callback);
      },
      bindExecutor: (call, callback) => {
        this.#when(
          call,
          () => this.bindings.length > 0,
          () => callback(null, this.bindings.shift() ?? BindExecutorResponse.fromPartial({})),
        );
      },
      launchTask: (call, callback) => {
        this.#when(
          call,
          () => this.tasks.length > 0 || !this.keepBound,
          () => {
            const metadata = new Metadata();
            if (this.lease !== undefined) metadata.set("flame-lease", this.lease);
            call.sendMetadata(metadata);
            callback(null, this.#launch());
          },
        );
      },
    };
  }

  #launch(): LaunchTaskResponse {
    const input = this.repeatTasks ? this.tasks[0] : this.tasks.shift();
    if (input === undefined) return LaunchTaskResponse.fromPartial({});
    const id = String(this.#nextTask++);
    const task = Task.fromPartial({
      metadata: { id, name: id },
      spec: { sessionId: "ssn-1", input },
    });
    return { task };
  }

  #when(call: ServerUnaryCall<never, unknown>, ready: () => boolean, answer: () => void): void {
    const timer = setInterval(() => {
      if (call.cancelled) clearInterval(timer);
      else if (ready()) {
        clearInterval(timer);
        answer();
      }
    }, 5);
    call.on("cancelled", () => clearInterval(timer));
  }
}

/** A session of an application, as BindExecutor answers it. */
export function binding(
  spec: Parameters<typeof Application.fromPartial>[0]["spec"],
  commonData?: Buffer,
): BindExecutorResponse {
  return {
    application: Application.fromPartial({ metadata: { id: "app", name: "app" }, spec }),
    session: Session.fromPartial({
      metadata: { id: "ssn-1", name: "ssn-1" },
      spec: { application: "app", commonData },
    }),
  };
}
