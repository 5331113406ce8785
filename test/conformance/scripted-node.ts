import type { ClientDuplexStream } from "@grpc/grpc-js";
import type {
  WatchNodeRequest,
  WatchNodeResponse,
} from "../../src/protocol/generated/flame/v1/backend.ts";
import type { Node, SessionSpec } from "../../src/protocol/generated/flame/v1/types.ts";
import { waitFor } from "../support/wait-for.ts";
import { call, type Target } from "./target.ts";

const beatMs = 3000;
/** Void executors that are made at once, since they cannot be made while the node counts as one for Wasm. */
const sparesMade = 40;

/** A node that only a test drives: it beats, learns of its executors, and does nothing with them by itself. */
export class ScriptedNode {
  readonly #target: Target;
  readonly #watch: ClientDuplexStream<WatchNodeRequest, WatchNodeResponse>;
  readonly #beats: NodeJS.Timeout;
  readonly #created: string[] = [];
  readonly #spares: string[] = [];
  #serial = 0;
  #busy: string | undefined;
  #ended: Promise<string> | undefined;

  /** Registers it, with room for every session that a test makes, and begins to watch. */
  static async start(target: Target, name: string): Promise<ScriptedNode> {
    await call(target.backend, "registerNode", { node: nodeMessage(name, true), executors: [] });
    return new ScriptedNode(target, name);
  }

  private constructor(target: Target, name: string) {
    this.#target = target;
    this.#watch = target.backend.watchNode();
    this.#watch.on("data", ({ response }: WatchNodeResponse) => {
      if (response?.$case === "executor") this.#created.push(response.value.metadata?.id ?? "");
    });
    this.#watch.on("error", () => undefined);
    const { status } = nodeMessage(name, true);
    const beat = (): void => void this.#watch.write({ heartbeat: { nodeName: name, status } });
    beat();
    this.#beats = setInterval(beat, beatMs);
  }

  close(): void {
    clearInterval(this.#beats);
    this.#watch.cancel();
  }

  /** An executor that was created for a session with one task, and has not registered yet. */
  async voidExecutor(): Promise<string> {
    await this.#offerHost();
    return this.#newExecutor();
  }

  /** A void executor, even when the node has become one for Wasm: the shim of who registered last counts for all. */
  async spareExecutor(): Promise<string> {
    if (this.#spares.length < 2) {
      await this.#offerHost();
      for (let count = 0; count < sparesMade; count++) this.#spares.push(await this.#newExecutor());
    }
    await this.#offerHost();
    return this.#spares.pop() ?? "";
  }

  async #offerHost(): Promise<void> {
    const executorId = this.#spares.pop();
    if (executorId !== undefined) await this.#register(executorId);
  }

  async #newExecutor(): Promise<string> {
    const { frontend } = this.#target;
    const sessionId = `scripted-${++this.#serial}`;
    const before = this.#created.length;
    await call(frontend, "createSession", { sessionId, session: this.spec() });
    await call(frontend, "createTask", {
      task: { sessionId, input: undefined, output: undefined },
    });
    return waitFor("an executor", () => this.#created[before]);
  }

  async #register(executorId: string): Promise<void> {
    const executorSpec = { node: "", resreq: undefined, shim: 0 as const };
    await call(this.#target.backend, "registerExecutor", { executorId, executorSpec });
  }

  /** One that serves its session as far as the session manager knows, but has not said so yet. */
  async bindingExecutor(): Promise<string> {
    const { backend } = this.#target;
    const executorId = await this.voidExecutor();
    await this.#register(executorId);
    await call(backend, "bindExecutor", { executorId });
    return executorId;
  }

  /** One that runs a task. */
  async busyExecutor(): Promise<string> {
    const known = this.#busy;
    if (known !== undefined && (await this.#launch(known)) !== undefined) return known;
    const executorId = await this.bindingExecutor();
    await call(this.#target.backend, "bindExecutorCompleted", { executorId, result: undefined });
    await this.#launch(executorId);
    this.#busy = executorId;
    return executorId;
  }

  /** A closed session whose task 1 has ended: one for all who ask. */
  sessionWithEndedTask(): Promise<string> {
    this.#ended ??= this.#endOne();
    return this.#ended;
  }

  async #endOne(): Promise<string> {
    const { backend, frontend } = this.#target;
    const executorId = await this.busyExecutor();
    const sessionId = (await this.#launch(executorId)) ?? "";
    const taskResult = { returnCode: 0, output: Buffer.from("y"), message: undefined };
    await call(backend, "completeTask", { executorId, taskResult });
    await call(frontend, "closeSession", { sessionId });
    this.#busy = undefined;
    return sessionId;
  }

  /** Sees to it that the executor runs a task; the session of that task. */
  async #launch(executorId: string): Promise<string | undefined> {
    const { backend, frontend } = this.#target;
    const { executors } = await call(frontend, "listExecutor", {});
    const found = executors.find(({ metadata }) => metadata?.id === executorId);
    const sessionId = found?.status?.sessionId;
    if (sessionId === undefined) return undefined;
    await call(frontend, "createTask", {
      task: { sessionId, input: undefined, output: undefined },
    });
    const { task } = await call(backend, "launchTask", { executorId });
    return task?.spec?.sessionId;
  }

  /** A session of a size of its own, so that its executors serve no other one. */
  spec(): SessionSpec {
    return {
      application: "flmping",
      minInstances: 0,
      maxInstances: 1,
      batchSize: 0,
      priority: 0,
      commonData: undefined,
      resreq: { cpu: 1n, memory: 1_000_000n + BigInt(++this.#serial), gpu: 0 },
    };
  }
}

/** The node as it describes itself: with much room, or with none. */
export function nodeMessage(name: string, roomy: boolean): Node {
  const room = roomy
    ? { cpu: 100_000n, memory: 2n ** 50n, gpu: 0 }
    : { cpu: 0n, memory: 0n, gpu: 0 };
  return {
    metadata: { id: name, name },
    spec: { hostname: name },
    status: {
      state: 1,
      capacity: room,
      allocatable: room,
      info: { arch: "x86_64", os: "linux" },
      addresses: [],
      lastHeartbeatTime: 0n,
    },
  };
}
