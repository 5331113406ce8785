import type { Clock } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import type {
  Assignment,
  Completion,
  HeldLease,
  Ready,
} from "../../protocol/generated/flame/stream/v1/nodes.ts";
import type { TaskResult } from "../../protocol/generated/flame/v1/types.ts";
import { WorkCredit } from "./work-credit.ts";
import type { WorkLoad } from "./work-load.ts";
import type { LaunchedTask, WorkSource } from "./work-source.ts";

/** What a local queue asks of the stream of its node. */
export interface WorkWire {
  /** False while the session manager may have given what has not begun to others. */
  readonly isSure: boolean;
  readonly load: WorkLoad;
  complete(completion: Completion): void;
  giveBack(executorId: string, leases: string[]): void;
  /** Says the credit anew. */
  announce(queue: LocalQueue): void;
  /** What the node holds in memory became more or less. */
  loadChanged(): void;
  detach(queue: LocalQueue): void;
}

/** What the local queues of a node share. */
export interface LocalQueueDeps {
  readonly wire: WorkWire;
  readonly clock: Clock;
}

/** The leases of one executor in one session: one runs, those behind it have not begun (docs/protocol.md, "Streams of nodes"). */
export class LocalQueue implements WorkSource {
  readonly executorId: string;
  readonly #sessionId: string;
  readonly #deps: LocalQueueDeps;
  readonly #logger: Logger;
  readonly #credit = new WorkCredit();
  #waiting: Assignment[] = [];
  #running: Assignment | undefined;
  #beganAt = 0;
  /** Not acknowledged, by lease, in their order. */
  readonly #results = new Map<string, Ended>();
  #opens = true;
  /** The session manager wants the executor to leave when it has nothing left. */
  #leaves = false;
  #shut = false;
  #dropped = false;
  /** Wakes whoever waits for a task, or for the last acknowledgement. */
  #wake: (() => void) | undefined;

  constructor(deps: LocalQueueDeps, executorId: string, sessionId: string, logger: Logger) {
    this.#deps = deps;
    this.executorId = executorId;
    this.#sessionId = sessionId;
    this.#logger = logger;
  }

  async next(): Promise<LaunchedTask | undefined> {
    for (;;) {
      const idle = this.#waiting.length === 0;
      if (this.#shut || this.#dropped || (this.#leaves && idle)) return undefined;
      if (!idle && this.#mayBegin()) return this.#begin();
      await this.#woken();
    }
  }

  #mayBegin(): boolean {
    const { wire } = this.#deps;
    return wire.isSure && !wire.load.full;
  }

  #begin(): LaunchedTask | undefined {
    const head = this.#waiting.shift();
    if (head === undefined) return undefined;
    this.#running = head;
    this.#beganAt = this.#deps.clock.steady();
    this.#release(head);
    const { taskId, input, lease, requestId } = head;
    return { taskId, input, lease, requestId: requestId === "" ? undefined : requestId };
  }

  finish(_launched: LaunchedTask, result: TaskResult): undefined {
    const ended = this.#running;
    this.#running = undefined;
    if (ended === undefined || this.#dropped) return;
    const { wire, clock } = this.#deps;
    const { returnCode, output, message } = result;
    const { executorId } = this;
    const completion = { executorId, lease: ended.lease, returnCode, output, message };
    const { lease, sessionId, taskId } = ended;
    this.#results.set(lease, { lease, sessionId, taskId, completion });
    wire.load.result(size(completion));
    wire.loadChanged();
    wire.complete(completion);
    const ms = clock.steady() - this.#beganAt;
    if (this.#credit.ran(ms, ended.input?.length ?? 0, this.#waiting.length)) wire.announce(this);
  }

  giveBack(launched: LaunchedTask): void {
    this.#running = undefined;
    if (launched.lease !== undefined && !this.#dropped)
      this.#deps.wire.giveBack(this.executorId, [launched.lease]);
  }

  shut(): void {
    if (this.#shut || this.#dropped) return;
    this.#shut = true;
    this.#returnWaiting();
    this.#deps.wire.announce(this);
    this.#wakeUp();
  }

  async settled(): Promise<void> {
    this.shut();
    while (this.#results.size > 0 && !this.#dropped) await this.#woken();
    this.drop();
  }

  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#forgetWaiting();
    for (const { completion } of this.#results.values())
      this.#deps.wire.load.result(-size(completion));
    this.#results.clear();
    this.#deps.wire.detach(this);
    this.#wakeUp();
  }

  /** How many leases it takes at most; 0: nothing new. */
  get credit(): number {
    if (this.#shut) return 0;
    return this.#deps.wire.load.crowded ? 1 : this.#credit.value;
  }

  /** Results that were not acknowledged, for a stream that opens. */
  get results(): Iterable<Completion> {
    return Array.from(this.#results.values(), ({ completion }) => completion);
  }

  /** What is said of it now; the first word on a stream lists what it holds. */
  ready(): Ready {
    const { executorId, credit } = this;
    const opens = this.#opens;
    this.#opens = false;
    if (!opens) return { executorId, credit, opens, held: [] };
    const begun = this.#running === undefined ? [] : [this.#running];
    const held = [...this.#results.values(), ...begun, ...this.#waiting].map(heldLease);
    return { executorId, credit, opens, held };
  }

  /**
   * The stream opens anew.
   * @param late the session manager was away for so long that others may have what has not begun
   */
  reopen(late: boolean): void {
    this.#opens = true;
    if (late) this.#forgetWaiting();
    this.#wakeUp();
  }

  /** Something that kept tasks from beginning may be over. */
  goOn(): void {
    this.#wakeUp();
  }

  take(assignment: Assignment): void {
    const { lease, sessionId } = assignment;
    if (this.#has(lease)) {
      this.#logger.debug({ lease }, "a lease that the executor has already came again, ignored");
      return;
    }
    if (this.#shut || sessionId !== this.#sessionId) {
      if (!this.#shut)
        this.#logger.warn(
          { lease, got: sessionId, expected: this.#sessionId },
          "a task of another session was assigned, given back",
        );
      this.#deps.wire.giveBack(this.executorId, [lease]);
      return;
    }
    this.#waiting.push(assignment);
    this.#deps.wire.load.input(assignment.input?.length ?? 0);
    this.#deps.wire.loadChanged();
    this.#wakeUp();
  }

  /** Gives those back that have not begun. */
  takeBack(leases: readonly string[]): void {
    const wanted = new Set(leases);
    const taken = this.#waiting.filter(({ lease }) => wanted.has(lease));
    if (taken.length > 0) {
      this.#waiting = this.#waiting.filter(({ lease }) => !wanted.has(lease));
      for (const one of taken) this.#release(one);
    }
    const kept = leases.length - taken.length;
    if (kept > 0) this.#logger.debug({ kept }, "leases that are wanted back have begun, or ended");
    this.#deps.wire.giveBack(this.executorId, taken.map(leaseOf));
    this.#wakeUp();
  }

  acknowledge(leases: readonly string[]): void {
    for (const lease of leases) {
      const result = this.#results.get(lease);
      if (result === undefined) {
        this.#logger.debug({ lease }, "a result that is not waited for was acknowledged, ignored");
        continue;
      }
      this.#results.delete(lease);
      this.#deps.wire.load.result(-size(result.completion));
    }
    this.#deps.wire.loadChanged();
    this.#wakeUp();
  }

  leave(): void {
    this.#leaves = true;
    this.#wakeUp();
  }

  /** A result that does not fit in a message fails its task: sent as it is, it would end every stream. */
  replaceResult(lease: string, message: string): void {
    const result = this.#results.get(lease);
    if (result === undefined) return;
    this.#deps.wire.load.result(-size(result.completion));
    const completion = { executorId: this.executorId, lease, returnCode: -1, message };
    this.#results.set(lease, { ...result, completion });
  }

  #has(lease: string): boolean {
    if (this.#running?.lease === lease || this.#results.has(lease)) return true;
    return this.#waiting.some((one) => one.lease === lease);
  }

  #returnWaiting(): void {
    const leases = this.#waiting.map(leaseOf);
    this.#forgetWaiting();
    if (leases.length > 0) this.#deps.wire.giveBack(this.executorId, leases);
  }

  #forgetWaiting(): void {
    for (const one of this.#waiting) this.#release(one);
    this.#waiting = [];
  }

  #release(assignment: Assignment): void {
    this.#deps.wire.load.input(-(assignment.input?.length ?? 0));
    this.#deps.wire.loadChanged();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** A task that has ended, until its result is acknowledged. */
interface Ended extends HeldLease {
  readonly completion: Completion;
}

const size = ({ output }: Completion): number => output?.length ?? 0;

const leaseOf = ({ lease }: Assignment): string => lease;

function heldLease({ lease, sessionId, taskId }: HeldLease): HeldLease {
  return { lease, sessionId, taskId };
}
