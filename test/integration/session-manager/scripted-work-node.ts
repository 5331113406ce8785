import {
  type ClientDuplexStream,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  type Hello,
  NodesClient,
  type WorkRequest,
  type WorkResponse,
} from "../../../src/protocol/generated/flame/stream/v1/nodes.ts";
import {
  BackendClient,
  type WatchNodeResponse,
} from "../../../src/protocol/generated/flame/v1/backend.ts";
import { Shim } from "../../../src/protocol/generated/flame/v1/types.ts";
import { call } from "../../conformance/target.ts";
import { waitFor } from "../../support/wait-for.ts";

const beatMs = 1_000;
const deadlineMs = 60_000;
/** ExecutorState of one that is to be forgotten. */
const released = 7;

/** Connections are not shared with other clients of this process. */
const channelOptions = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
};

/** An executor manager that only a test drives: its executors are walked by hand, and its services are the test. */
export class ScriptedWorkNode {
  readonly name: string;
  /** Its hello says that it takes new executors together with their sessions. */
  binds = false;
  /** It says that it opens a stream on which it tells what services print. */
  tellsPrints = false;
  readonly #backend: BackendClient;
  readonly #nodes: NodesClient;
  readonly #metadata = new Metadata();
  readonly #created: string[] = [];
  #beats: NodeJS.Timeout | undefined;

  /**
   * @param endpoint of the Frontend; the Backend listens on the next port
   * @param version what it says of its make; absent: another one, or an early version of ours
   */
  constructor(
    endpoint: string,
    name: string,
    instance?: string,
    own: ClientOptions = {},
    version?: string,
  ) {
    const { hostname, port } = new URL(endpoint);
    const address = `${hostname}:${Number(port) + 1}`;
    const options = { ...channelOptions, ...own };
    this.name = name;
    this.#backend = new BackendClient(address, credentials.createInsecure(), options);
    this.#nodes = new NodesClient(address, credentials.createInsecure(), options);
    if (instance !== undefined) this.#metadata.set("flame-instance", instance);
    if (version !== undefined) this.#metadata.set("flame-version", version);
    this.#metadata.set("flame-work-stream", "1");
  }

  /** Registers it with what it has, and watches. */
  async register(...bound: string[]): Promise<void> {
    if (this.tellsPrints) this.#metadata.set("flame-log-stream", "1");
    const room = { cpu: 64n, memory: 2n ** 36n, gpu: 0 };
    const status = {
      state: 1 as const,
      capacity: room,
      allocatable: room,
      info: { arch: "x86_64", os: "linux" },
      addresses: [],
      lastHeartbeatTime: 0n,
    };
    const node = {
      metadata: { id: this.name, name: this.name },
      spec: { hostname: this.name },
      status,
    };
    const executors = bound.map((id) => ({
      metadata: { id, name: id },
      spec: { node: this.name, resreq: undefined, shim: 0 as const },
      status: { state: 4 as const },
    }));
    // Retried: the session manager may be starting.
    await waitFor(
      "the registration",
      async () => {
        await call(this.#backend, "registerNode", { node, executors }, this.#metadata);
        return true;
      },
      { deadlineMs },
    );
    const watch = this.#backend.watchNode(this.#metadata);
    watch.on("error", () => undefined);
    watch.on("data", ({ response }: WatchNodeResponse) => {
      if (response?.$case !== "executor") return;
      const { metadata, status } = response.value;
      if (status?.state !== released) this.#created.push(metadata?.id ?? "");
    });
    const beat = (): void => void watch.write({ heartbeat: { nodeName: this.name, status } });
    beat();
    clearInterval(this.#beats);
    this.#beats = setInterval(beat, beatMs);
  }

  /** The next executor that it is told to make, walked into its session. @param shim what it says that it offers */
  async bound(shim: Shim = Shim.Host): Promise<string> {
    const executorId = await waitFor("an executor", () => this.#created.shift(), { deadlineMs });
    const executorSpec = { node: this.name, resreq: undefined, shim };
    await call(this.#backend, "registerExecutor", { executorId, executorSpec });
    await call(this.#backend, "bindExecutor", { executorId });
    await call(this.#backend, "bindExecutorCompleted", { executorId, result: undefined });
    return executorId;
  }

  release(): Promise<unknown> {
    return call(this.#backend, "releaseNode", { nodeName: this.name }, this.#metadata);
  }

  /** @param hello default: as a node says it */
  work(hello: Hello | undefined = this.hello()): ScriptedStream {
    const stream = new ScriptedStream(this.#nodes.work());
    stream.say({ hello });
    return stream;
  }

  /** A stream on which nothing was said. */
  silentWork(): ScriptedStream {
    return new ScriptedStream(this.#nodes.work());
  }

  hello(warm = 0): Hello {
    const instance = String(this.#metadata.get("flame-instance")[0] ?? "");
    return { node: this.name, instance, warm, binds: this.binds };
  }

  close(): void {
    clearInterval(this.#beats);
    this.#backend.close();
    this.#nodes.close();
  }
}

/** The node's end of a stream of work. */
export class ScriptedStream {
  readonly messages: WorkResponse[] = [];
  /** How it ended: a status, OK with an empty text; undefined while it is open. */
  ended: { readonly code: number; readonly details: string } | undefined;
  hasHeaders = false;
  readonly #call: ClientDuplexStream<WorkRequest, WorkResponse>;

  constructor(stream: ClientDuplexStream<WorkRequest, WorkResponse>) {
    this.#call = stream;
    stream.on("metadata", () => (this.hasHeaders = true));
    stream.on("data", (message: WorkResponse) => this.messages.push(message));
    stream.on("error", ({ code, details }: ServiceError) => (this.ended ??= { code, details }));
    stream.on("end", () => (this.ended ??= { code: 0, details: "" }));
  }

  say(message: Partial<WorkRequest>): void {
    const nothing = { hello: undefined, ready: [], completions: [], returns: [], awaits: [] };
    this.#call.write({ ...nothing, ...message });
  }

  ready(executorId: string, credit: number, held?: WorkRequest["ready"][0]["held"]): void {
    this.say({
      ready: [{ executorId, credit, opens: held !== undefined, held: held ?? [], entered: "" }],
    });
  }

  done(executorId: string, lease: string, output?: Buffer): void {
    this.say({
      completions: [{ executorId, lease, returnCode: 0, output, message: undefined }],
    });
  }

  get assignments(): WorkResponse["assignments"] {
    return this.messages.flatMap(({ assignments }) => assignments);
  }

  get acknowledged(): string[] {
    return this.messages.flatMap(({ acknowledgements }) =>
      acknowledgements.flatMap(({ leases }) => leases),
    );
  }

  get takenBack(): string[] {
    return this.messages.flatMap(({ takeBacks }) => takeBacks.flatMap(({ leases }) => leases));
  }

  get leaves(): string[] {
    return this.messages.flatMap(({ leaves }) => leaves.map(({ executorId }) => executorId));
  }

  /** Reads nothing until it {@link readOn}s. */
  stopReading(): void {
    this.#call.pause();
  }

  readOn(): void {
    this.#call.resume();
  }

  /** The connection breaks, as far as the session manager sees. */
  cut(): void {
    this.#call.cancel();
  }

  /** Resolves with the first so many assignments. */
  gets(count: number): Promise<WorkResponse["assignments"]> {
    return waitFor(
      `${count} assignments`,
      () => this.assignments.length >= count && this.assignments,
      { deadlineMs },
    );
  }

  /** Resolves with how it ended. */
  end(): Promise<{ readonly code: number; readonly details: string }> {
    return waitFor("the end of the stream", () => this.ended, { deadlineMs });
  }
}
