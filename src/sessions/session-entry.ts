import type { DeadlineQueue } from "../kit/deadline-queue.ts";
import type { Flag } from "../kit/flag.ts";
import type { CallToken, StreamToken } from "../kit/turn.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionKey, SessionRecord, SessionView, TaskCounts } from "../model/session.ts";
import type { LaunchReply, TaskRecord, TaskReply, TaskState } from "../model/task.ts";
import type { OwnerTally } from "./owner-book.ts";
import { PendingQueue } from "./pending-queue.ts";
import { SubmitBook } from "./submit-book.ts";

/** A stream that wants to hear when a task's state is no longer `lastState`. */
export interface TaskWatcher {
  readonly token: StreamToken<TaskReply>;
  lastState: TaskState;
}

/** How binding executors to the session went of late; not stored: a restart tries afresh. */
export interface BindBackoff {
  /** Failures since the last success. */
  failures: number;
  /** Steady milliseconds before which no executor is given to the session. */
  notBefore: number;
}

/** What the sessions of a book have together. */
export interface OpenTally {
  /** Pending and Running ones. */
  tasks: number;
  /** When those of them are due that have a deadline, in steady milliseconds: by their session and their id there. */
  readonly deadlines: DeadlineQueue<string, number>;
  /** Raised when a session wants something else of the scheduler than before. */
  readonly scheduleWanted: Flag;
}

/** The open task is due at this moment, in steady milliseconds. */
export function setDeadline({ tally }: SessionEntry, task: TaskRecord, at: number): void {
  tally.deadlines.set(task.sessionId, task.id, at);
}

/** The task has ended. */
export function clearDeadline({ tally }: SessionEntry, task: TaskRecord): void {
  if (task.deadline !== undefined) tally.deadlines.clear(task.sessionId, task.id);
}

/**
 * One session in memory: its record, its open tasks and who waits for them. Most sessions are closed and have neither,
 * so what holds these is made when it is first asked for.
 */
export class SessionEntry {
  record: SessionRecord;
  readonly counts: TaskCounts;
  lastTaskId: number;
  /** Pending tasks that wait at executors. */
  queued = 0;
  /** None of the {@link roomy} executors holds less than this. */
  leastHeld = 0;
  /** It has tasks and no executor, and a timer runs that reports a long wait. */
  longWaitTimerSet = false;
  /** Steady milliseconds of the last change of one of its tasks; kept up while it ends with its clients. */
  activeAt = 0;
  readonly tally: OpenTally;
  /** What the identity that owns it has open; undefined: that has no quota. */
  readonly owner: OwnerTally | undefined;
  #tasks: Map<number, TaskRecord> | undefined;
  #pending: PendingQueue | undefined;
  #executors: Set<string> | undefined;
  #launchWaiters: Map<string, CallToken<LaunchReply>> | undefined;
  #watchers: Map<number, TaskWatcher[]> | undefined;
  #submits: SubmitBook | undefined;
  #bind: BindBackoff | undefined;
  #idle: Set<string> | undefined;
  #roomy: (Set<string> | undefined)[] | undefined;
  #awaited: Set<string> | undefined;
  #unwritten: Set<number> | undefined;

  constructor(
    record: SessionRecord,
    counts: TaskCounts,
    lastTaskId: number,
    tally: OpenTally,
    owner?: OwnerTally,
  ) {
    this.record = record;
    this.counts = counts;
    this.lastTaskId = lastTaskId;
    this.tally = tally;
    this.owner = owner;
  }

  /** It is open from now on. */
  countOpen(): void {
    this.#countSession(1);
  }

  /** It was open, and is no more. */
  countClosed(): void {
    this.#countSession(-1);
  }

  #countSession(more: 1 | -1): void {
    if (this.owner === undefined) return;
    this.owner.sessions += more;
    this.owner.bytes += more * (this.record.commonDataBytes ?? 0);
  }

  /** One of its tasks is open from now on. */
  countTask(task: TaskRecord): void {
    this.#countTask(task, 1);
  }

  /** One of its open tasks has ended. */
  countEnded(task: TaskRecord): void {
    this.#countTask(task, -1);
  }

  #countTask({ inputBytes = 0 }: TaskRecord, more: 1 | -1): void {
    this.tally.tasks += more;
    if (this.owner === undefined) return;
    this.owner.tasks += more;
    this.owner.bytes += more * inputBytes;
  }

  /** By which the store knows it. */
  get key(): SessionKey {
    const { id, creationTime } = this.record;
    return { id, creationTime };
  }

  /** Pending and Running tasks; terminal ones live in the store alone. */
  get tasks(): Map<number, TaskRecord> {
    this.#tasks ??= new Map();
    return this.#tasks;
  }

  get pending(): PendingQueue {
    this.#pending ??= new PendingQueue();
    return this.#pending;
  }

  /** Executors in Binding, Bound or Unbinding for this session. */
  get executors(): Set<string> {
    this.#executors ??= new Set();
    return this.#executors;
  }

  /** Whether there are any, without making what would hold them. */
  get hasExecutors(): boolean {
    return this.#executors !== undefined && this.#executors.size > 0;
  }

  /** LaunchTask calls that wait for a task, by executor, first come first. */
  get launchWaiters(): Map<string, CallToken<LaunchReply>> {
    this.#launchWaiters ??= new Map();
    return this.#launchWaiters;
  }

  get watchers(): Map<number, TaskWatcher[]> {
    this.#watchers ??= new Map();
    return this.#watchers;
  }

  /** What producers have submitted to it while it is open. */
  get submits(): SubmitBook {
    this.#submits ??= new SubmitBook();
    return this.#submits;
  }

  /** Whether there are any, without making what would hold them. */
  get hasSubmits(): boolean {
    return this.#submits !== undefined;
  }

  /** The session is closed: from now on the store alone knows them. */
  dropSubmits(): void {
    this.#submits = undefined;
  }

  get bind(): BindBackoff {
    this.#bind ??= { failures: 0, notBefore: 0 };
    return this.#bind;
  }

  /** Executors on work streams that have nothing to do, the longest idle first. */
  get idle(): Set<string> {
    this.#idle ??= new Set();
    return this.#idle;
  }

  /** Executors on work streams that have begun a task and take more ahead, by how many they hold. */
  get roomy(): (Set<string> | undefined)[] {
    this.#roomy ??= [];
    return this.#roomy;
  }

  /** Executors of before a restart of which it is not known yet what waits at them. */
  get awaited(): Set<string> {
    this.#awaited ??= new Set();
    return this.#awaited;
  }

  /** Running tasks whose lease is not on disk yet. */
  get unwritten(): Set<number> {
    this.#unwritten ??= new Set();
    return this.#unwritten;
  }

  /** Writes down which tasks have begun since the last commit. */
  writeBegun(turn: FlameTurn): void {
    for (const id of this.unwritten) {
      const record = this.tasks.get(id);
      if (record?.state === "Running") turn.change({ kind: "task.put", record });
    }
    this.unwritten.clear();
  }

  view(): SessionView {
    return { record: this.record, counts: { ...this.counts } };
  }
}
