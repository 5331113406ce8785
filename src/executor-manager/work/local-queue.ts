import type { Clock } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import type {
  Assignment,
  Completion,
  Ready,
} from "../../protocol/generated/flame/stream/v1/nodes.ts";
import type { TaskResult } from "../../protocol/generated/flame/v1/types.ts";
import type { AheadRunner } from "./ahead-runner.ts";
import { KeptResults } from "./kept-results.ts";
import { heldLease, leaseOf } from "./leases.ts";
import { NestedWait } from "./nested-wait.ts";
import { WorkCredit } from "./work-credit.ts";
import type { LaunchedTask, WorkSource } from "./work-source.ts";
import type { WorkWire } from "./work-wire.ts";

/** What the local queues of a node share. */
export interface LocalQueueDeps {
  readonly wire: WorkWire;
  readonly clock: Clock;
}

/** The leases of one executor in one session: one runs, those behind it have not begun (docs/protocol.md, "Streams"). */
export class LocalQueue implements WorkSource {
  readonly executorId: string;
  readonly #sessionId: string;
  readonly #deps: LocalQueueDeps;
  readonly #logger: Logger;
  readonly #credit = new WorkCredit();
  #waiting: Assignment[] = [];
  /** The service has them already, and has not begun them. */
  #lent: Assignment[] = [];
  /** Leases of all of these and of the one that runs. */
  readonly #leases = new Set<string>();
  /** Of those lent: the session manager wants them back. */
  readonly #wanted = new Set<string>();
  /** A take-back is to be answered when the service has said which of those lent it has not begun. */
  #asked = false;
  #runner: AheadRunner | undefined;
  #running: Assignment | undefined;
  /** What that waits for. */
  readonly nestedWait: NestedWait;
  #beganAt = 0;
  readonly #results: KeptResults;
  #opens = true;
  #reopened = false;
  #entered = false;
  /** The session manager wants the executor to leave when it has nothing left. */
  #leaves = false;
  #shut = false;
  #dropped = false;
  /** Wakes whoever waits for a task, or for the last acknowledgement. */
  #wake: (() => void) | undefined;

  constructor(deps: LocalQueueDeps, executorId: string, sessionId: string, logger: Logger) {
    this.#deps = deps;
    this.#results = new KeptResults(deps.wire.load);
    this.nestedWait = new NestedWait(executorId, deps.clock, () => deps.wire.awaits(this));
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
    this.#run(head);
    const { taskId, input, lease, requestId } = head;
    return { taskId, input, lease, requestId: requestId === "" ? undefined : requestId };
  }

  #run(head: Assignment): void {
    this.#running = head;
    this.nestedWait.begins(head.lease);
    this.#beganAt = this.#deps.clock.steady();
    if (!this.#dropped) this.#release(head);
  }

  /** Lets `runner` have tasks ahead of time by {@link lend}, in place of {@link next}; undefined: by that again. */
  runBy(runner: AheadRunner | undefined): void {
    this.#runner = runner;
  }

  /** The task that runs. */
  get running(): Assignment | undefined {
    return this.#running;
  }

  /** How long it has run, in milliseconds. */
  get runningMs(): number {
    return this.#deps.clock.steady() - this.#beganAt;
  }

  /** How long tasks take, in milliseconds; undefined before the first one. */
  get meanMs(): number | undefined {
    return this.#credit.meanMs;
  }

  /** How many tasks the service has that it has not begun. */
  get lentCount(): number {
    return this.#lent.length;
  }

  /** How many tasks it has that the service does not have. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Nothing more is to be run here: the executor leaves its session when the service has nothing left. */
  get isOver(): boolean {
    return this.#shut || this.#dropped || (this.#leaves && this.#waiting.length === 0);
  }

  /**
   * Hands over the next ones; the first of them begins when nothing runs.
   * @param count how many at most
   * @param bytes how large their inputs may be, all but the first
   */
  lend(count: number, bytes: number): Assignment[] {
    if (count === 0 || this.#waiting.length === 0) return [];
    if (this.isOver || !this.#mayBegin()) return [];
    let taken = 0;
    let size = 0;
    for (const { input } of this.#waiting) {
      size += input?.length ?? 0;
      if (taken === count || (taken > 0 && size > bytes)) break;
      taken++;
    }
    const lent = this.#waiting.splice(0, taken);
    this.#lent.push(...lent);
    if (this.#running === undefined) this.#beginLent();
    return lent;
  }

  // The service runs them one after the other: the next begins when the one before has ended.
  #beginLent(): boolean {
    const head = this.#lent.shift();
    if (head === undefined) return false;
    this.#run(head);
    return true;
  }

  /** The last so many of what was lent did not begin, and will not by that. @returns false when those are others */
  unlend(taskIds: readonly string[]): boolean {
    const from = this.#lent.length - taskIds.length;
    const back = from < 0 ? [] : this.#lent.slice(from);
    if (from < 0 || back.some(({ taskId }, at) => taskId !== taskIds[at])) return false;
    this.#lent.length = from;
    this.#answerWanted(back);
    if (this.#dropped) return true;
    const kept = back.filter(({ lease }) => !this.#wanted.has(lease));
    this.#wanted.clear();
    this.#waiting.unshift(...kept);
    if (this.#shut) this.#returnWaiting();
    return true;
  }

  /** None of what was lent begins any more: the service is gone. */
  unlendAll(): void {
    this.unlend(this.#lent.map(({ taskId }) => taskId));
  }

  // The answer to a take-back, which may be empty: those that it spoke of have begun meanwhile.
  #answerWanted(back: readonly Assignment[]): void {
    if (!this.#asked || this.#dropped) return;
    this.#asked = false;
    const returned = back.filter(({ lease }) => this.#wanted.has(lease));
    for (const one of returned) this.#forget(one);
    this.#deps.wire.giveBack(this.executorId, returned.map(leaseOf), this.#begunOf(this.#wanted));
  }

  finish(_launched: LaunchedTask, result: TaskResult): undefined {
    this.ended(result, this.runningMs);
  }

  /** The task that runs has ended, after so many milliseconds; what was lent goes on. */
  ended(result: TaskResult, ms: number): void {
    const ended = this.#running;
    this.#running = undefined;
    this.nestedWait.ends();
    const goesOn = this.#beginLent();
    if (ended === undefined || this.#dropped) return;
    this.#leases.delete(ended.lease);
    const { wire } = this.#deps;
    const { returnCode, output, message } = result;
    const { executorId } = this;
    const completion = { executorId, lease: ended.lease, returnCode, output, message };
    this.#results.keep(ended, completion);
    wire.loadChanged();
    wire.complete(completion, goesOn ? 0 : this.#waiting.length);
    const left = this.#waiting.length + this.#lent.length + (goesOn ? 1 : 0);
    if (this.#credit.ran(ms, ended.input?.length ?? 0, left)) wire.announce(this);
  }

  giveBack(launched: LaunchedTask): void {
    this.#running = undefined;
    if (launched.lease === undefined || this.#dropped) return;
    this.#leases.delete(launched.lease);
    this.#deps.wire.giveBack(this.executorId, [launched.lease]);
  }

  shut(): void {
    if (this.#shut || this.#dropped) return;
    this.#shut = true;
    this.#returnWaiting();
    this.#runner?.recall();
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
    this.nestedWait.ends();
    this.#forgetWaiting();
    for (const one of this.#lent) this.#release(one);
    this.#runner?.recall();
    this.#results.clear();
    this.#deps.wire.detach(this);
    this.#wakeUp();
  }

  /** How many leases it takes at most; 0: nothing new. */
  get credit(): number {
    if (this.#shut) return 0;
    return this.#deps.wire.load.crowded ? 1 : this.#credit.value;
  }

  /** What is said now leaves on the stream on which it was made. */
  get isOnFirstStream(): boolean {
    return this.#deps.wire.isOpen && !this.#reopened;
  }

  get isDropped(): boolean {
    return this.#dropped;
  }

  /** The service has entered the session: the executor takes work. */
  enter(): void {
    this.#entered = true;
    this.#deps.wire.announce(this);
  }

  /** Results that were not acknowledged, for a stream that opens. */
  get results(): Iterable<Completion> {
    return this.#results.completions;
  }

  /** What is said of it now; the first word on a stream lists what it holds. */
  ready(): Ready {
    const { executorId, credit } = this;
    const opens = this.#opens;
    const entered = this.#entered ? this.#sessionId : "";
    this.#opens = false;
    if (!opens) return { executorId, credit, opens, held: [], entered };
    const begun = this.#running === undefined ? [] : [this.#running];
    const queued = [...this.#lent, ...this.#waiting];
    const held = [...this.#results.leases, ...begun, ...queued].map(heldLease);
    return { executorId, credit, opens, held, entered };
  }

  /**
   * The stream opens anew.
   * @param late the session manager was away for so long that others may have what has not begun
   */
  reopen(late: boolean): void {
    this.#opens = true;
    this.#reopened = true;
    if (late) this.#forgetWaiting();
    this.#wakeUp();
  }

  /** Something that kept tasks from beginning may be over. */
  goOn(): void {
    this.#wakeUp();
  }

  take(assignment: Assignment): void {
    const { lease, sessionId } = assignment;
    if (this.#leases.has(lease) || this.#results.has(lease)) {
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
    this.#leases.add(lease);
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
      for (const one of taken) this.#forget(one);
    }
    const lent = this.#lent.filter(({ lease }) => wanted.has(lease));
    const kept = leases.length - taken.length - lent.length;
    if (kept > 0) this.#logger.debug({ kept }, "leases that are wanted back have begun, or ended");
    if (lent.length > 0) {
      for (const lease of leases) this.#wanted.add(lease);
      this.#asked = true;
      this.#runner?.recall();
    }
    if (taken.length > 0 || lent.length === 0)
      this.#deps.wire.giveBack(this.executorId, taken.map(leaseOf), this.#begunOf(wanted));
    this.#wakeUp();
  }

  #begunOf(wanted: ReadonlySet<string>): string | undefined {
    const lease = this.#running?.lease;
    return lease !== undefined && wanted.has(lease) ? lease : undefined;
  }

  acknowledge(leases: readonly string[]): void {
    for (const lease of leases) {
      if (!this.#results.forget(lease))
        this.#logger.debug({ lease }, "a result that is not waited for was acknowledged, ignored");
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
    const { executorId } = this;
    this.#results.replace(lease, { executorId, lease, returnCode: -1, message });
  }

  #returnWaiting(): void {
    const leases = this.#waiting.map(leaseOf);
    this.#forgetWaiting();
    if (leases.length > 0) this.#deps.wire.giveBack(this.executorId, leases);
  }

  #forgetWaiting(): void {
    for (const one of this.#waiting) this.#forget(one);
    this.#waiting = [];
  }

  // It is not to begin here.
  #forget(assignment: Assignment): void {
    this.#leases.delete(assignment.lease);
    this.#release(assignment);
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
    this.#runner?.goOn();
  }
}
