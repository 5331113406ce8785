import type { Clock } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import { serviceCrashCode } from "../model/task.ts";
import type { Executor, Result } from "../protocol/generated/flame/v1/types.ts";
import { ExecutorState } from "../protocol/generated/flame/v1/types.ts";
import type { ExecutorCalls, GivenSession } from "./backend-client.ts";
import { type Binding, type ExecutorOrder, readBinding } from "./executor-messages.ts";
import type { ExecutorMeter } from "./executor-meter.ts";
import { ExecutorService } from "./executor-service.ts";
import { pause } from "./pause.ts";
import { bindCodes, type ServiceHost } from "./service-host.ts";
import { isRefusal, RpcFailure } from "./unary.ts";
import { LocalQueue } from "./work/local-queue.ts";
import type { ServiceFeed } from "./work/service-feed.ts";
import { UnaryWork } from "./work/unary-work.ts";
import type { WorkSource } from "./work/work-source.ts";
import type { WorkStream } from "./work/work-stream.ts";

/**
 * - Void: not yet registered.
 * - Idle: waits for a session.
 * - Binding: has one; its package is being installed, its service started.
 * - Bound: serves tasks.
 * - Unbinding: leaves the session.
 * - Releasing: gives itself back.
 * - Released: ended.
 */
type LoopState = "Void" | "Idle" | "Binding" | "Bound" | "Unbinding" | "Releasing" | "Released";

const wireStates = {
  Void: ExecutorState.ExecutorVoid,
  Idle: ExecutorState.ExecutorIdle,
  Binding: ExecutorState.ExecutorBinding,
  Bound: ExecutorState.ExecutorBound,
  Unbinding: ExecutorState.ExecutorUnbinding,
  Releasing: ExecutorState.ExecutorReleasing,
  Released: ExecutorState.ExecutorReleased,
} as const satisfies Record<LoopState, ExecutorState>;

/** Without a service a bound or unbinding executor can only leave; a binding one asks anew. */
const firstStates: Partial<Record<ExecutorState, LoopState>> = {
  [ExecutorState.ExecutorVoid]: "Void",
  [ExecutorState.ExecutorIdle]: "Idle",
  [ExecutorState.ExecutorBinding]: "Idle",
  [ExecutorState.ExecutorBound]: "Unbinding",
  [ExecutorState.ExecutorUnbinding]: "Unbinding",
  [ExecutorState.ExecutorReleasing]: "Releasing",
};

/** A refused call is not repeated before this time, in milliseconds: two sides that disagree must not spin. */
const REFUSED_PAUSE_MS = 1_000;

/** What every executor of a node shares. */
export interface ExecutorDeps {
  readonly calls: ExecutorCalls;
  /** Where work comes from, when the session manager has it. */
  readonly work: WorkStream;
  readonly host: ServiceHost;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter?: ExecutorMeter;
}

/**
 * One executor: the sequence of calls that takes it from registration through sessions to its release
 * (docs/protocol.md, "Executors").
 */
export class ExecutorLoop {
  readonly #deps: ExecutorDeps;
  readonly #order: ExecutorOrder;
  /** Names the executor. */
  readonly #ownLogger: Logger;
  /** Names its session too, while it has one. */
  #logger: Logger;
  /** Ends everything at once. */
  readonly #kill = new AbortController();
  /** Nobody is told any more, either: the executor manager ends. */
  readonly #silence = new AbortController();
  #released = false;
  /** Ends waiting, lets work end. */
  readonly #drain = new AbortController();
  #state: LoopState;
  #binding: Binding | undefined;
  readonly #service: ExecutorService;
  /** The client's request that made the session. */
  #sessionRequest: string | undefined;
  /** Why it cannot be served. */
  #unreadable = "";
  /** Whether its session came with it, and was not asked for. */
  #cameBound: boolean;
  /** Its tasks, while it has a session. */
  #work: WorkSource | undefined;
  /** Resolves when the loop has ended and its service is gone. Never rejects. */
  readonly ended: Promise<void>;

  /** @param given the session with which it came on the node's stream: it neither registers nor asks for one */
  constructor(deps: ExecutorDeps, order: ExecutorOrder, given?: GivenSession) {
    this.#deps = deps;
    this.#order = order;
    this.#ownLogger = deps.logger.child({ executor: order.id });
    this.#logger = this.#ownLogger;
    this.#service = new ExecutorService(deps, order.id, this.#kill.signal);
    this.#cameBound = given !== undefined;
    this.#state =
      given === undefined ? (firstStates[order.state] ?? "Released") : this.#receive(given);
    this.ended = this.#run();
  }

  get state(): LoopState {
    return this.#state;
  }

  /** The executor as a registering node reports it. */
  get report(): Executor {
    const { id, spec } = this.#order;
    return {
      metadata: { id, name: id },
      spec,
      status: {
        state: wireStates[this.#released ? "Releasing" : this.#state],
        sessionId: this.#binding?.sessionId,
      },
    };
  }

  /** Stops at once: open calls are given up, the service is ended. */
  kill(): void {
    this.#silence.abort();
    this.#stop();
  }

  /** The session manager wants it no more: stops at once, and says so when its service has ended. */
  release(): void {
    // On its own way out it says so anyway.
    if (this.#released || this.#state === "Releasing" || this.#state === "Released") return;
    this.#logger.info({ state: this.#state }, "released by the session manager");
    this.#released = true;
    this.#stop();
  }

  #stop(): void {
    this.#kill.abort();
    this.#drain.abort();
    this.#work?.drop();
  }

  /** Takes nothing new: a running task is finished and delivered, then the session is left. */
  drain(): void {
    this.#drain.abort();
    this.#work?.shut();
  }

  async #run(): Promise<void> {
    try {
      while (this.#state !== "Released" && !this.#mayStop()) {
        const next = await this.#step();
        this.#logger.debug({ from: this.#state, to: next }, "executor");
        this.#state = next;
      }
    } catch (thrown) {
      // Calls that were cut short by the stop end up here; anything else is worth telling.
      if (!this.#killed()) this.#logger.error({ error: textOf(thrown) }, "executor loop ended");
    } finally {
      this.#state = "Released";
      this.#work?.drop();
      await this.#service.end();
      if (this.#released) await this.#sayGone();
    }
  }

  /** Until it is heard the session manager keeps the executor's room for it. */
  async #sayGone(): Promise<void> {
    const { calls, logger } = this.#deps;
    try {
      await calls.unregister(this.#order.id, this.#silence.signal);
    } catch (thrown) {
      // A session manager that had forgotten it already refuses.
      logger.debug({ executor: this.#order.id, error: textOf(thrown) }, "not unregistered");
    }
  }

  #killed(): boolean {
    return this.#kill.signal.aborted;
  }

  #draining(): boolean {
    return this.#drain.signal.aborted;
  }

  #mayStop(): boolean {
    const waiting = this.#state === "Void" || this.#state === "Idle";
    return this.#killed() || (this.#draining() && waiting);
  }

  #step(): Promise<LoopState> {
    switch (this.#state) {
      case "Void":
        return this.#register();
      case "Idle":
        return this.#waitForSession();
      case "Binding":
        return this.#setUp();
      case "Bound":
        return this.#serveTask();
      case "Unbinding":
        return this.#leave();
      case "Releasing":
        return this.#unregister();
      case "Released":
        return Promise.resolve("Released");
    }
  }

  async #register(): Promise<LoopState> {
    const { id, spec } = this.#order;
    // Refused: registered already, and only the reply was lost. BindExecutor tells if it is unknown.
    await this.#tolerant(
      "RegisterExecutor",
      this.#deps.calls.register(id, spec, this.#kill.signal),
    );
    return "Idle";
  }

  async #waitForSession(): Promise<LoopState> {
    let given: GivenSession;
    try {
      given = await this.#deps.calls.bind(this.#order.id, this.#drain.signal);
    } catch (thrown) {
      if (this.#draining()) return "Idle";
      await this.#refused("BindExecutor", thrown);
      return "Releasing";
    }
    this.#cameBound = false;
    return this.#receive(given);
  }

  /** At once: a first task may come in the same message. */
  #receive({ response, requestId }: GivenSession): LoopState {
    this.#sessionRequest = requestId;
    try {
      this.#binding = readBinding(response);
    } catch (thrown) {
      this.#unreadable = textOf(thrown);
      return "Binding";
    }
    if (this.#binding === undefined) return "Releasing";
    this.#logger = this.#ownLogger.child({ session: this.#binding.sessionId });
    if (!this.#deps.work.isAbsent) this.#work = this.#attach();
    return "Binding";
  }

  async #setUp(): Promise<LoopState> {
    if (this.#binding === undefined)
      return this.#reportBind({ returnCode: bindCodes.start, message: this.#unreadable });
    const opened = await this.#service.open(this.#binding);
    if (this.#killed()) return "Released";
    const fields = {
      application: this.#binding.application.name,
      request: this.#sessionRequest,
    };
    if (opened.returnCode === bindCodes.ok) this.#logger.info(fields, "session entered");
    else
      this.#logger.warn(
        { ...fields, code: opened.returnCode, reason: opened.message },
        "bind failed",
      );
    const { returnCode, message } = opened;
    if (returnCode === bindCodes.ok) return this.#entered();
    return this.#reportBind({ returnCode, message });
  }

  /** Says so where the session came from; what the session manager may not have heard on a stream that broke, by a call. */
  async #entered(): Promise<LoopState> {
    const onStream = this.#work instanceof LocalQueue && this.#work.isOnFirstStream;
    const next =
      this.#cameBound && onStream ? "Bound" : await this.#reportBind({ returnCode: bindCodes.ok });
    if (next === "Bound") this.#work = await this.#openWork();
    return next;
  }

  async #reportBind(result: Result): Promise<LoopState> {
    try {
      await this.#deps.calls.bindCompleted(this.#order.id, result, this.#kill.signal);
    } catch (thrown) {
      await this.#refused("BindExecutorCompleted", thrown);
      return "Unbinding";
    }
    return result.returnCode === bindCodes.ok ? "Bound" : "Unbinding";
  }

  async #serveTask(): Promise<LoopState> {
    if (this.#draining() || this.#work === undefined) return "Unbinding";
    const feed =
      this.#work instanceof LocalQueue ? this.#service.feed(this.#work, this.#logger) : undefined;
    if (feed !== undefined) return this.#serveBy(feed);
    const launched = await this.#work.next();
    if (launched === undefined) return "Unbinding";
    const result = await this.#service.run(launched, this.#logger);
    if (this.#killed()) return "Released";
    if (result === undefined) {
      // Nothing of it had begun, and no attempt is counted.
      this.#work.giveBack(launched);
      return "Unbinding";
    }
    const crashed = result.returnCode === serviceCrashCode;
    // First what waits behind it: else that would begin here as soon as the result has arrived.
    if (crashed) this.#work.shut();
    await this.#work.finish(launched, result);
    return crashed ? "Unbinding" : "Bound";
  }

  async #serveBy(feed: ServiceFeed): Promise<LoopState> {
    const end = await feed.run();
    if (this.#killed()) return "Released";
    return end === "idle" ? "Bound" : "Unbinding";
  }

  #attach(): LocalQueue {
    return this.#deps.work.attach(this.#order.id, this.#binding?.sessionId ?? "", this.#logger);
  }

  /** From the stream of the node, where the session manager has it, else by calls. */
  async #openWork(): Promise<WorkSource> {
    const { calls, work } = this.#deps;
    const drain = this.#drain.signal;
    const onStream = await work.available(drain);
    const attached =
      this.#work instanceof LocalQueue && !this.#work.isDropped ? this.#work : undefined;
    if (onStream) {
      const queue = attached ?? this.#attach();
      queue.enter();
      if (this.#draining()) queue.shut();
      return queue;
    }
    attached?.drop();
    const refused = (rpc: string, thrown: unknown): Promise<void> => this.#refused(rpc, thrown);
    const signals = { drain, kill: this.#kill.signal };
    return new UnaryWork({ calls, logger: this.#logger, refused, ...signals }, this.#order.id);
  }

  async #leave(): Promise<LoopState> {
    const { calls } = this.#deps;
    const { id } = this.#order;
    await this.#work?.settled();
    this.#work = undefined;
    await this.#tolerant("UnbindExecutor", calls.unbind(id, this.#kill.signal));
    const failure = await this.#service.leave();
    if (failure !== undefined)
      this.#logger.warn(
        { reason: failure },
        "service did not leave its session; it is ended all the same",
      );
    // Before the executor counts as idle, its CPU and memory are free again.
    await this.#service.end();
    await this.#tolerant("UnbindExecutorCompleted", calls.unbindCompleted(id, this.#kill.signal));
    this.#binding = undefined;
    this.#logger = this.#ownLogger;
    return "Idle";
  }

  async #unregister(): Promise<LoopState> {
    await this.#tolerant(
      "UnregisterExecutor",
      this.#deps.calls.unregister(this.#order.id, this.#kill.signal),
    );
    return "Released";
  }

  async #tolerant(rpc: string, call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (thrown) {
      await this.#refused(rpc, thrown);
    }
  }

  /** Goes on after a refusal, a little later; rethrows everything else. */
  async #refused(rpc: string, thrown: unknown): Promise<void> {
    if (!(thrown instanceof RpcFailure) || !isRefusal(thrown)) throw thrown;
    this.#logger.warn(
      { rpc, status: thrown.status, reason: thrown.message },
      "the session manager refused",
    );
    await pause(this.#deps.clock, REFUSED_PAUSE_MS, this.#kill.signal);
  }
}
