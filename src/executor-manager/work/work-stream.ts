import { type ClientDuplexStream, type ServiceError, status } from "@grpc/grpc-js";
import type { Clock, Timer } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import { textOf } from "../../kit/thrown.ts";
import type {
  Bind,
  Completion,
  Warm,
  WorkRequest,
  WorkResponse,
} from "../../protocol/generated/flame/stream/v1/nodes.ts";
import { LocalQueue } from "./local-queue.ts";
import { WorkBatch } from "./work-batch.ts";
import { WorkLoad } from "./work-load.ts";
import type { ToldQueue, WorkWire } from "./work-wire.ts";

/** The node's end of a stream of work. */
export type WorkCall = ClientDuplexStream<WorkRequest, WorkResponse>;

/** Whoever knows the service answers the first message with its headers; what is silent for so long does not. */
const ANSWER_MS = 5_000;

/**
 * A session manager that was not heard of for so long is about to give the node up, which it does after 30 seconds, and
 * what has not begun here to others.
 */
const SURE_MS = 20_000;

/** An executor with so many tasks behind a result is in no hurry: results gather, since a message for each costs more than it. */
const PLENTY = 4;
/** So long results gather, in milliseconds, and so many at most. */
const GATHER_MS = 3;
const GATHER_RESULTS = 16;

const TOO_LARGE: ReadonlySet<number> = new Set([status.RESOURCE_EXHAUSTED, status.OUT_OF_RANGE]);

/** What a stream of work needs. */
export interface WorkStreamDeps {
  /** Begins a call on the connection of the node; undefined: work comes by calls on every connection. */
  readonly begin: (() => WorkCall) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  /** Of this start of the executor manager. */
  readonly instance: string;
  /** @default 64 MiB of each kind */
  readonly load?: WorkLoad;
  readonly warm?: WarmKeeper;
  /**
   * Takes a new executor that came with its session, and attaches its queue before it returns.
   * @throws FlameError when it is not one
   */
  readonly take?: (bind: Bind) => void;
}

/** Keeps services started for sessions to come. */
export interface WarmKeeper {
  /** How many at most. */
  readonly servicesMax: number;
  /** Which ones from now on. */
  want(warm: Warm): void;
}

const noneWarm: Warm = { applications: [] };

/**
 * - shut: the node has no connection.
 * - opening: asked; not known yet whether the session manager has the service.
 * - open: leases and results travel.
 * - absent: it has not, on this connection.
 */
type WorkState = "shut" | "opening" | "open" | "absent";

/** The stream of leases and results of one node, opened anew on each connection (docs/protocol.md, "Streams"). */
export class WorkStream implements WorkWire {
  readonly load: WorkLoad;
  readonly #deps: WorkStreamDeps;
  readonly #queues = new Map<string, LocalQueue>();
  readonly #batch = new WorkBatch();
  #state: WorkState = "shut";
  #call: WorkCall | undefined;
  #onLost: (why: string) => void = () => undefined;
  #answer: Timer | undefined;
  #decided = new Set<() => void>();
  #heardAt = 0;
  /** When this stream was asked for, the session manager had been away for long. */
  #late = false;
  #crowded = false;
  #full = false;
  /** A message of this turn of the event loop is on its way. */
  #scheduled = false;
  /** Results gather until then. */
  #gathering: Timer | undefined;
  /** Nothing was said on this stream about warm services: the first message does, or there are none. */
  #warmOpen = true;
  /** The connection takes no more for now. */
  #blocked = false;

  constructor(deps: WorkStreamDeps) {
    this.#deps = deps;
    this.load = deps.load ?? new WorkLoad();
  }

  get isSure(): boolean {
    return this.isOpen && !this.#isLate();
  }

  /** False while nothing can be said: it is said when the stream opens. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** The session manager has said something, on this stream or another one of the node. */
  heard(): void {
    const late = this.#isLate();
    this.#heardAt = this.#deps.clock.steady();
    if (late && this.isOpen) for (const queue of this.#queues.values()) queue.goOn();
  }

  #isLate(): boolean {
    return this.#deps.clock.steady() - this.#heardAt > SURE_MS;
  }

  /** Asks for the stream, on a connection on which the node has registered. @param onLost is told when it ends. */
  open(onLost: (why: string) => void): void {
    this.shut();
    this.#onLost = onLost;
    this.#late = this.#isLate();
    this.heard();
    const { begin } = this.#deps;
    if (begin === undefined) {
      this.#become("absent");
      return;
    }
    this.#become("opening");
    this.#warmOpen = true;
    const call = begin();
    this.#call = call;
    const mine = (act: () => void) => (): void => {
      if (this.#call === call) act();
    };
    call.on(
      "metadata",
      mine(() => this.#opened()),
    );
    call.on("data", (message: WorkResponse) => {
      if (this.#call !== call) return;
      this.heard();
      this.#opened();
      this.#read(message);
    });
    call.on(
      "drain",
      mine(() => {
        this.#blocked = false;
        this.#schedule();
      }),
    );
    call.on("error", (error: ServiceError) => {
      if (this.#call === call) this.#failed(error);
    });
    call.on(
      "end",
      mine(() => this.#lost("the session manager ended the stream of work")),
    );
    const silent = mine(() => this.#absent(`no answer for ${ANSWER_MS / 1000} seconds`));
    this.#answer = this.#deps.clock.after(ANSWER_MS, silent);
    const { nodeName: node, instance, warm, take } = this.#deps;
    const binds = take !== undefined;
    this.#batch.hello({ node, instance, warm: warm?.servicesMax ?? 0, binds });
    this.#schedule();
  }

  /** The connection is over: what is not acknowledged is kept for the next one. */
  shut(): void {
    this.#letGo();
    if (this.#state !== "shut") this.#become("shut");
  }

  /** Whether work comes by the stream; waits until that is known, or `signal` aborts. */
  async available(signal: AbortSignal): Promise<boolean> {
    while ((this.#state === "shut" || this.#state === "opening") && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#decided.delete(done);
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.#decided.add(done);
        signal.addEventListener("abort", done, { once: true });
      });
    }
    return this.#state === "open";
  }

  /** On this connection work comes by calls. */
  get isAbsent(): boolean {
    return this.#state === "absent";
  }

  /** Takes work for an executor of a session; more than the first task comes when the service has entered that. */
  attach(executorId: string, sessionId: string, logger: Logger): LocalQueue {
    const queue = new LocalQueue(
      { wire: this, clock: this.#deps.clock },
      executorId,
      sessionId,
      logger,
    );
    this.#queues.set(executorId, queue);
    return queue;
  }

  detach(queue: ToldQueue): void {
    if (this.#queues.get(queue.executorId) === queue) this.#queues.delete(queue.executorId);
    this.#batch.forget(queue);
    this.loadChanged();
  }

  complete(completion: Completion, behind: number): void {
    if (!this.isOpen) return;
    this.#batch.complete(completion);
    if (behind < PLENTY || this.#batch.resultCount >= GATHER_RESULTS) this.#schedule();
    else this.#gathering ??= this.#deps.clock.after(GATHER_MS, () => this.#schedule());
  }

  giveBack(executorId: string, leases: string[], begun?: string): void {
    // While it is shut: what is not among the leases that an opening executor holds is given back by that.
    if (!this.isOpen) return;
    this.#batch.giveBack(executorId, leases, begun);
    this.#schedule();
  }

  announce(queue: ToldQueue): void {
    if (!this.isOpen) return;
    this.#batch.announce(queue);
    this.#schedule();
  }

  awaits(queue: ToldQueue): void {
    if (!this.isOpen) return;
    this.#batch.awaits(queue);
    this.#schedule();
  }

  loadChanged(): void {
    const { crowded, full } = this.load;
    if (crowded !== this.#crowded) {
      this.#crowded = crowded;
      for (const queue of this.#queues.values()) this.announce(queue);
    }
    if (full === this.#full) return;
    this.#full = full;
    if (!full) for (const queue of this.#queues.values()) queue.goOn();
  }

  #opened(): void {
    if (this.#state === "open") return;
    this.#answer?.cancel();
    this.#become("open");
    for (const queue of this.#queues.values()) {
      for (const result of queue.results) this.#batch.complete(result);
      queue.reopen(this.#late);
      this.#batch.announce(queue);
      if (queue.nestedWait.told !== undefined) this.#batch.awaits(queue);
    }
    this.#schedule();
  }

  #failed(error: ServiceError): void {
    const why = error.details === "" ? error.message : error.details;
    if (error.code === status.UNIMPLEMENTED) {
      this.#absent(why);
      return;
    }
    if (TOO_LARGE.has(error.code)) this.#shrinkLargest(why);
    this.#lost(`the stream of work ended: ${why}`);
  }

  #lost(why: string): void {
    this.shut();
    this.#onLost(why);
  }

  #absent(why: string): void {
    this.#deps.logger.debug({ reason: why }, "the session manager has no stream of work");
    this.#letGo();
    this.#deps.warm?.want(noneWarm);
    for (const queue of [...this.#queues.values()]) {
      this.#deps.logger.warn(
        { executor: queue.executorId, reason: why },
        "the session manager has no stream of work any more; the executor leaves its session",
      );
      queue.drop();
    }
    this.#become("absent");
  }

  #letGo(): void {
    const call = this.#call;
    this.#call = undefined;
    this.#answer?.cancel();
    this.#gathered();
    this.#blocked = false;
    this.#batch.clear();
    call?.cancel();
  }

  #become(state: WorkState): void {
    this.#state = state;
    if (state === "open" || state === "absent") for (const tell of [...this.#decided]) tell();
  }

  // Only a message with one result is larger than the bound of a batch, so the largest one is what was refused.
  #shrinkLargest(why: string): void {
    let largest: { queue: LocalQueue; lease: string; bytes: number } | undefined;
    for (const queue of this.#queues.values()) {
      for (const { lease, output } of queue.results) {
        const bytes = output?.length ?? 0;
        if (bytes > (largest?.bytes ?? 0)) largest = { queue, lease, bytes };
      }
    }
    if (largest === undefined) return;
    const { queue, lease, bytes } = largest;
    queue.replaceResult(lease, `the output (${bytes} bytes) was refused: ${why}; use put_object`);
  }

  #read({ acknowledgements, takeBacks, assignments, leaves, warm, binds }: WorkResponse): void {
    if (warm !== undefined || this.#warmOpen) this.#deps.warm?.want(warm ?? noneWarm);
    this.#warmOpen = false;
    try {
      for (const bind of binds) this.#deps.take?.(bind);
    } catch (thrown) {
      this.#lost(textOf(thrown));
      return;
    }
    for (const one of acknowledgements)
      this.#queueOf(one, "an acknowledgement")?.acknowledge(one.leases);
    for (const one of takeBacks) this.#queueOf(one, "a take-back")?.takeBack(one.leases);
    for (const one of assignments) {
      const queue = this.#queueOf(one, "a task");
      if (queue === undefined) this.giveBack(one.executorId, [one.lease]);
      else queue.take(one);
    }
    // One that is leaving by itself may have gone by now: nothing is amiss.
    for (const { executorId } of leaves) this.#queues.get(executorId)?.leave();
  }

  #queueOf({ executorId }: { executorId: string }, what: string): LocalQueue | undefined {
    const queue = this.#queues.get(executorId);
    if (queue === undefined)
      this.#deps.logger.warn(
        { executor: executorId },
        `${what} came for an executor that takes no work on this node, ignored`,
      );
    return queue;
  }

  #schedule(): void {
    if (this.#scheduled || this.#blocked || this.#call === undefined) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  #gathered(): void {
    this.#gathering?.cancel();
    this.#gathering = undefined;
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    this.#gathered();
    if (this.#blocked || this.#call === undefined) return;
    const message = this.#batch.take();
    if (message === undefined) return;
    this.#blocked = !this.#call.write(message);
    // What did not fit goes with the next turn.
    if (!this.#batch.empty) this.#schedule();
  };
}
