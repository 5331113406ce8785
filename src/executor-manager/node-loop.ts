import type { Metadata } from "@grpc/grpc-js";
import { Backoff } from "../kit/backoff.ts";
import type { Clock, Timer } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import type { WatchNodeResponse } from "../protocol/generated/flame/v1/backend.ts";
import type { Executor, Node, NodeStatus } from "../protocol/generated/flame/v1/types.ts";
import { ExecutorState, NodeState } from "../protocol/generated/flame/v1/types.ts";
import { versionKey } from "../protocol/version-key.ts";
import type { NodeCalls, NodeStream } from "./backend-client.ts";
import type { ExecutorBook } from "./executor-book.ts";
import type { LogStream } from "./logs/log-stream.ts";
import type { NodeFacts } from "./node-facts.ts";
import { pause } from "./pause.ts";
import { isRefusal, RpcFailure } from "./unary.ts";
import type { WorkStream } from "./work/work-stream.ts";

const HEARTBEAT_MS = 5_000;
/** A stream that brings nothing for so long is dead: every heartbeat is answered. */
const SILENCE_MS = 30_000;
const RECONNECT_FIRST_MS = 1_000;
/** Well below the time for which a session manager keeps the leases of a node that went away. */
const RECONNECT_MAX_MS = 10_000;
/** Longer than any session manager keeps the leases of a node that went away. */
const FORGOTTEN_MS = 31_000;

/** What keeps a node registered. */
export interface NodeLoopDeps {
  readonly calls: NodeCalls;
  /** Opened on each connection. */
  readonly work: WorkStream;
  /** Alike. */
  readonly logs: LogStream;
  readonly book: ExecutorBook;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Measures the node anew. */
  readonly measure: () => NodeFacts;
  /** Where the session manager is, for messages. */
  readonly target: string;
}

/** Registers the node and keeps its stream, again and again, until it is stopped (docs/protocol.md, "Nodes"). */
export class NodeLoop {
  readonly #deps: NodeLoopDeps;
  readonly #name: string;
  readonly #stop = new AbortController();
  readonly #backoff = new Backoff(RECONNECT_FIRST_MS, RECONNECT_MAX_MS);
  #ended: Promise<void> | undefined;
  #stayAway = false;
  /** Resolves when the session manager has accepted the node for the first time. */
  readonly registered: Promise<void>;
  #onRegistered: () => void = () => undefined;

  constructor(deps: NodeLoopDeps, name: string) {
    this.#deps = deps;
    this.#name = name;
    this.registered = new Promise((resolve) => {
      this.#onRegistered = resolve;
    });
  }

  start(): void {
    this.#ended ??= this.#run();
  }

  /** Takes the node out and ends the stream. */
  async close(): Promise<void> {
    try {
      await this.#deps.calls.releaseNode(this.#name);
    } catch (thrown) {
      // The end of the stream says the same, a little later.
      this.#deps.logger.debug(
        { error: textOf(thrown) },
        "the session manager was not told that the node leaves",
      );
    }
    this.#stop.abort();
    await this.#ended;
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    const { logger, clock, target } = this.#deps;
    while (!this.#stopped()) {
      let why: string;
      let what = "no connection to the session manager, trying again";
      try {
        why = await this.#serveOnce();
      } catch (thrown) {
        why = textOf(thrown);
        if (thrown instanceof RpcFailure && isRefusal(thrown))
          what = "the session manager refuses this node, asking again";
      }
      if (this.#stopped()) return;
      // At least a second, so that the manager has seen the old stream end before the node registers anew.
      const pauseMs = this.#stayAway ? FORGOTTEN_MS : this.#backoff.next();
      this.#stayAway = false;
      logger.warn({ target, node: this.#name, reason: why, pauseMs }, what);
      await pause(clock, pauseMs, this.#stop.signal).catch(() => undefined);
    }
  }

  /** One registration and one stream; resolves with the reason why the stream ended. */
  async #serveOnce(): Promise<string> {
    const { calls, book, logger, target } = this.#deps;
    const name = this.#name;
    await calls.registerNode({ node: this.#node(), executors: book.reports }, this.#stop.signal);
    logger.info({ target, node: name, executors: book.size }, "node registered");
    this.#onRegistered();
    const stream = calls.watchNode();
    const onStop = (): void => {
      stream.end();
      stream.cancel();
    };
    this.#stop.signal.addEventListener("abort", onStop, { once: true });
    try {
      return await this.#follow(stream);
    } finally {
      this.#stop.signal.removeEventListener("abort", onStop);
      this.#deps.work.shut();
      this.#deps.logs.shut();
      stream.cancel();
    }
  }

  #follow(stream: NodeStream): Promise<string> {
    return new Promise((resolve) => {
      let timers: Timer[] = [];
      let ours = true;
      const end = (why: string): void => {
        for (const timer of timers) timer.cancel();
        timers = [];
        resolve(why);
      };
      const beat = (): void => {
        stream.write({ heartbeat: { nodeName: this.#name, status: this.#status() } });
        timers[0] = this.#deps.clock.after(HEARTBEAT_MS, beat);
        if (!ours) void this.#fetchLostOrders();
      };
      const listen = (): void => {
        timers[1]?.cancel();
        const silent = (): void => end(`no word for ${SILENCE_MS / 1000} seconds`);
        timers[1] = this.#deps.clock.after(SILENCE_MS, silent);
      };
      stream.on("metadata", (headers: Metadata) => {
        ours = headers.get(versionKey).length > 0;
      });
      stream.on("data", (message: WatchNodeResponse) => {
        listen();
        this.#deps.work.heard();
        this.#backoff.reset();
        try {
          this.#take(message);
        } catch (thrown) {
          end(textOf(thrown));
        }
      });
      stream.on("error", (error) => end(error.message));
      stream.on("end", () => end("the session manager ended the stream"));
      // A connection on which no work travels is none, too: the node registers anew.
      this.#deps.work.open(end);
      this.#deps.logs.open();
      // At once: a server may wait for the first heartbeat before it says anything.
      beat();
      listen();
    });
  }

  /**
   * The reference loses one message for each earlier stream of the node of the last half minute, and then counts on an
   * executor that was never told to begin, so the session that it made it for waits. What it believes is asked for.
   */
  async #fetchLostOrders(): Promise<void> {
    const { calls, book, logger } = this.#deps;
    try {
      const executors = await calls.syncNode(this.#node(), this.#stop.signal);
      for (const executor of executors)
        if (executor.status?.state === ExecutorState.ExecutorVoid) book.take(executor);
    } catch (thrown) {
      logger.debug({ error: textOf(thrown) }, "what the session manager believes is not known");
    }
  }

  #take(message: WatchNodeResponse): void {
    if (message.response?.$case !== "executor") return;
    const executor = message.response.value;
    this.#refuseForeignLease(executor);
    this.#deps.book.take(executor);
  }

  // A manager that believes that an executor of an earlier life of this node is bound gives its task to nobody
  // else until the node has stayed away. Unbinding it instead would leave that task running forever.
  #refuseForeignLease(executor: Executor): void {
    const { book } = this.#deps;
    const id = executor.metadata?.id ?? "";
    const bound = executor.status?.state === ExecutorState.ExecutorBound;
    if (!bound || book.has(id) || book.size > 0) return;
    this.#stayAway = true;
    throw new FlameError(
      "aborted",
      `the session manager still holds executor "${id}" of an earlier run of this node as bound; staying away until it lets go`,
    );
  }

  #node(): Node {
    const name = this.#name;
    return { metadata: { id: name, name }, spec: { hostname: name }, status: this.#status() };
  }

  #status(): NodeStatus {
    const { capacity, arch, os } = this.#deps.measure();
    const resources = {
      cpu: BigInt(capacity.cpu),
      memory: BigInt(capacity.memory),
      gpu: capacity.gpu,
    };
    return {
      state: NodeState.Ready,
      capacity: resources,
      allocatable: resources,
      info: { arch, os },
      addresses: [],
      lastHeartbeatTime: 0n,
    };
  }
}
