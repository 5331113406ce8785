import { DeadlineQueue } from "../kit/deadline-queue.ts";
import type { Flag } from "../kit/flag.ts";
import { FlameError } from "../model/errors.ts";
import type { eventCodes, FlameEvent } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { eventMessageCharsMax } from "../model/limits.ts";
import {
  noTasks,
  type SessionRecord,
  sessionEventsMax,
  type TaskCounts,
} from "../model/session.ts";
import type { TaskRecord } from "../model/task.ts";
import { LeavingSessions } from "./leaving-sessions.ts";
import { OwnerBook } from "./owner-book.ts";
import { clearDeadline, type OpenTally, SessionEntry } from "./session-entry.ts";
import { SessionsByApplication } from "./sessions-by-application.ts";
import { notifyWatchers } from "./watches.ts";

/** All sessions, open and closed, and the rules of their life. A session that comes or is closed raises the scheduler's flag. */
export class SessionBook {
  readonly #entries = new Map<string, SessionEntry>();
  readonly #open = new Set<SessionEntry>();
  /** In the order in which they were closed. */
  readonly #closed = new Set<SessionEntry>();
  readonly #byApplication = new SessionsByApplication();
  readonly #leaving = new LeavingSessions();
  /** Of all closed sessions: theirs no longer change. */
  readonly #closedTasks = noTasks();
  readonly #tally: OpenTally;

  /** What identities with a quota have open. */
  readonly owners: OwnerBook;

  constructor(scheduleWanted: Flag, owners = new OwnerBook()) {
    this.owners = owners;
    this.#tally = { tasks: 0, deadlines: new DeadlineQueue(), scheduleWanted };
  }

  /** Takes a stored session in, without its tasks; closed ones in the order in which they were closed. */
  restore(record: SessionRecord, counts: TaskCounts, lastTaskId: number): SessionEntry {
    const entry = this.#newEntry(record, counts, lastTaskId);
    this.#entries.set(record.id, entry);
    this.#byApplication.add(entry);
    if (record.state === "Open") this.#addOpen(entry);
    else this.#addClosed(entry);
    return entry;
  }

  /** Takes a stored Pending or Running task in. */
  restoreTask(task: TaskRecord): void {
    const entry = this.get(task.sessionId);
    entry.tasks.set(task.id, task);
    entry.countTask(task);
    if (task.state === "Pending") entry.pending.append(task.id);
  }

  find(id: string): SessionEntry | undefined {
    return this.#entries.get(id);
  }

  /** @throws FlameError not_found. */
  get(id: string): SessionEntry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw unknownSession(id);
    return entry;
  }

  all(): IterableIterator<SessionEntry> {
    return this.#entries.values();
  }

  open(): ReadonlySet<SessionEntry> {
    return this.#open;
  }

  /** Pending and Running tasks of all sessions. */
  get openTasks(): number {
    return this.#tally.tasks;
  }

  /** When open tasks are due that have a deadline. */
  get taskDeadlines(): OpenTally["deadlines"] {
    return this.#tally.deadlines;
  }

  /** How many are closed and kept. */
  get closedCount(): number {
    return this.#closed.size;
  }

  /** The tasks of all sessions together; the open ones alone are walked. */
  taskCounts(): TaskCounts {
    const sums = { ...this.#closedTasks };
    for (const { counts } of this.#open) addCounts(sums, counts, 1);
    return sums;
  }

  /** The open sessions of an application. */
  openOf(application: string): IterableIterator<SessionEntry> {
    return this.#byApplication.openOf(application).values();
  }

  /** How many open sessions an application has. */
  openSessionsOf(application: string): number {
    return this.#byApplication.openOf(application).size;
  }

  create(turn: FlameTurn, record: SessionRecord, commonData: Buffer | undefined): SessionEntry {
    const entry = this.#newEntry(record, noTasks(), 0);
    this.#entries.set(record.id, entry);
    this.#addOpen(entry);
    this.#byApplication.add(entry);
    turn.change({ kind: "session.put", record, ...(commonData !== undefined && { commonData }) });
    this.#tally.scheduleWanted.raise();
    return entry;
  }

  /**
   * Closes an open session: its Pending tasks become Cancelled and their watchers hear of it.
   * @throws FlameError internal while a task runs (docs/protocol.md, "Sessions").
   */
  close(turn: FlameTurn, entry: SessionEntry): void {
    if (entry.record.state === "Closed") return;
    if (entry.counts.running > 0) {
      throw new FlameError(
        "internal",
        `Cannot close session with running tasks: session ${entry.record.id} has ${entry.counts.running}; wait until every task has ended, or end them: flmctl close session ${entry.record.id} --force`,
      );
    }
    this.cancelPending(turn, entry);
    entry.dropSubmits();
    this.#open.delete(entry);
    entry.countClosed();
    this.#byApplication.remove(entry);
    this.#replace(turn, entry, { ...entry.record, state: "Closed", completionTime: turn.now });
    this.#byApplication.add(entry);
    this.#addClosed(entry);
    this.#tally.scheduleWanted.raise();
  }

  /** Every Pending task becomes Cancelled, and its watchers hear of it; tells how many. */
  cancelPending(turn: FlameTurn, entry: SessionEntry): number {
    const count = entry.counts.pending;
    if (count === 0) return 0;
    entry.activeAt = turn.steady;
    // The store cancels what it believes Pending.
    entry.writeBegun(turn);
    turn.change({ kind: "tasks.cancel", sessionId: entry.record.id, time: turn.now, count });
    for (const task of entry.tasks.values()) {
      if (task.state !== "Pending") continue;
      entry.tasks.delete(task.id);
      clearDeadline(entry, task);
      entry.countEnded(task);
      notifyWatchers(turn, entry, { ...task, state: "Cancelled", completionTime: turn.now });
    }
    entry.counts.cancelled += count;
    entry.counts.pending = 0;
    entry.pending.clear();
    this.#tally.scheduleWanted.raise();
    return count;
  }

  /**
   * Deletes a closed session with its tasks.
   * @throws FlameError invalid_state while it is open.
   */
  delete(turn: FlameTurn, entry: SessionEntry): void {
    if (entry.record.state === "Open") {
      throw new FlameError(
        "invalid_state",
        `Cannot delete open session ${entry.record.id}; close it first`,
      );
    }
    if (this.#closed.has(entry)) {
      this.#removeClosed(entry);
      this.#byApplication.remove(entry);
    } else this.#leaving.delete(entry);
    turn.change({ kind: "session.delete", id: entry.record.id });
  }

  /** Remembers of those that are still there and closed that their objects are gone. */
  noteObjectsDeleted(turn: FlameTurn, ids: readonly string[]): void {
    const noted: string[] = [];
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry?.record.state !== "Closed") continue;
      entry.record = { ...entry.record, objectsDeleted: true };
      noted.push(id);
    }
    if (noted.length > 0) turn.change({ kind: "sessions.objectsDeleted", ids: noted });
  }

  /** The closed sessions of an application. */
  closedOf(application: string): IterableIterator<SessionEntry> {
    return this.#byApplication.closedOf(application).values();
  }

  /** How many closed sessions an application has. */
  closedSessionsOf(application: string): number {
    return this.#byApplication.closedOf(application).size;
  }

  /** The applications that have closed sessions. */
  applicationsOfClosed(): IterableIterator<string> {
    return this.#byApplication.withClosed();
  }

  /** Sessions that {@link leave} made leave, until they are deleted. */
  get leaving(): LeavingSessions {
    return this.#leaving;
  }

  /** From now on nobody finds the closed sessions of the application; each is still to be deleted. */
  leave(application: string): void {
    const sessions = this.#byApplication.removeClosed(application);
    for (const entry of sessions.values()) this.#removeClosed(entry);
    if (sessions.size > 0) this.#leaving.add(application, sessions);
  }

  /** The sessions that were closed longest ago, as many as there are sessions above `sessionsMax`, at most `limit`. */
  closedBeyond(sessionsMax: number, limit: number): SessionEntry[] {
    const beyond: SessionEntry[] = [];
    for (const entry of this.#closed) {
      if (beyond.length === limit) break;
      if (this.#entries.size - beyond.length <= sessionsMax) break;
      beyond.push(entry);
    }
    return beyond;
  }

  addEvent(turn: FlameTurn, entry: SessionEntry, code: number, message: string): void {
    const event: FlameEvent = {
      code,
      message: message.slice(0, eventMessageCharsMax),
      creationTime: turn.now,
    };
    const kept = entry.record.events.slice(-(sessionEventsMax - 1));
    this.#replace(turn, entry, { ...entry.record, events: [...kept, event] });
  }

  /** @param clients those that the session ends with; undefined: it stays until it is closed */
  setClients(turn: FlameTurn, entry: SessionEntry, clients: readonly string[] | undefined): void {
    const { clients: _before, ...rest } = entry.record;
    this.#replace(turn, entry, { ...rest, ...(clients !== undefined && { clients }) });
  }

  hasEvent(entry: SessionEntry, code: (typeof eventCodes)[keyof typeof eventCodes]): boolean {
    return entry.record.events.some((event) => event.code === code);
  }

  /** One without an owner, or whose owner has no quota, is counted for nobody. */
  #newEntry(record: SessionRecord, counts: TaskCounts, lastTaskId: number): SessionEntry {
    const owner = this.owners.of(record.ownerId);
    return new SessionEntry(record, counts, lastTaskId, this.#tally, owner);
  }

  #addOpen(entry: SessionEntry): void {
    this.#open.add(entry);
    entry.countOpen();
  }

  #addClosed(entry: SessionEntry): void {
    this.#closed.add(entry);
    addCounts(this.#closedTasks, entry.counts, 1);
  }

  #removeClosed(entry: SessionEntry): void {
    this.#entries.delete(entry.record.id);
    this.#closed.delete(entry);
    addCounts(this.#closedTasks, entry.counts, -1);
  }

  #replace(turn: FlameTurn, entry: SessionEntry, record: SessionRecord): void {
    entry.record = record;
    turn.change({ kind: "session.put", record });
  }
}

/** What is said of a session that is not there, and of one that the caller may not know of. */
export function unknownSession(id: string): FlameError {
  return new FlameError(
    "not_found",
    `session ${id} not found: it was never created, or has been deleted`,
  );
}

function addCounts(sums: TaskCounts, counts: Readonly<TaskCounts>, times: 1 | -1): void {
  sums.pending += times * counts.pending;
  sums.running += times * counts.running;
  sums.succeed += times * counts.succeed;
  sums.failed += times * counts.failed;
  sums.cancelled += times * counts.cancelled;
}
