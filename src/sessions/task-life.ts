import type { Caller } from "../model/caller.ts";
import { eventCodes, type FlameEvent, usualEventTexts } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { eventMessageCharsMax } from "../model/limits.ts";
import type { AttemptLimits, TaskOutcome, TaskRecord } from "../model/task.ts";
import { attemptsText } from "./attempts.ts";
import { clearDeadline, type SessionEntry, setDeadline } from "./session-entry.ts";
import { notifyWatchers } from "./watches.ts";

// The life of one task. Every function replaces the record, keeps the counts, writes the change and tells the watchers.
// What seldom happens raises the scheduler's flag here; whether it has to look when a task comes, begins or ends as it should,
// the core says.

/**
 * A new Pending task with the next id of its session.
 * @param timeoutMs how long it may take, all in all; absent: as long as it takes
 */
export function createTask(
  turn: FlameTurn,
  entry: SessionEntry,
  input: Buffer | undefined,
  term: number,
  timeoutMs?: number,
): TaskRecord {
  entry.lastTaskId++;
  entry.activeAt = turn.steady;
  const record: TaskRecord = {
    sessionId: entry.record.id,
    id: entry.lastTaskId,
    state: "Pending",
    creationTime: turn.now,
    completionTime: undefined,
    inputBytes: input?.length,
    outputBytes: undefined,
    attempt: 0,
    crashes: 0,
    lostNodes: 0,
    executorId: undefined,
    term,
    deadline: timeoutMs === undefined ? undefined : turn.now + timeoutMs,
    events: createdEvents(turn),
  };
  if (timeoutMs !== undefined) setDeadline(entry, record, turn.steady + timeoutMs);
  entry.tasks.set(record.id, record);
  entry.pending.append(record.id);
  entry.counts.pending++;
  entry.countTask(record);
  turn.change({ kind: "task.put", record, input, output: undefined, begun: undefined });
  return record;
}

/** Leases the lowest Pending task to an executor; undefined when none is Pending. */
export function launchTask(
  turn: FlameTurn,
  entry: SessionEntry,
  executorId: string,
): TaskRecord | undefined {
  const id = entry.pending.take();
  const task = id === undefined ? undefined : entry.tasks.get(id);
  return task === undefined
    ? undefined
    : replace(turn, entry, launched(turn, entry, task, executorId));
}

/**
 * A Pending task that no queue holds has begun at an executor. The lease need not be on disk before the executor knows of
 * it: it is written with the next commit (docs/protocol.md, "Leases").
 */
export function beginQueuedTask(
  turn: FlameTurn,
  entry: SessionEntry,
  executorId: string,
  task: TaskRecord,
): TaskRecord {
  const record = launched(turn, entry, task, executorId);
  entry.tasks.set(record.id, record);
  entry.unwritten.add(record.id);
  notifyWatchers(turn, entry, record);
  return record;
}

function launched(
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  executorId: string,
): TaskRecord {
  entry.counts.pending--;
  entry.counts.running++;
  const record = copyOf(task);
  record.state = "Running";
  record.attempt++;
  record.executorId = executorId;
  record.events = [...task.events, usualEvent(turn, eventCodes.taskLaunched)];
  return record;
}

/** The service answered: the task is Succeed or Failed for good. */
export function completeTask(
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  outcome: TaskOutcome,
): TaskRecord {
  const succeeded = outcome.returnCode === 0;
  entry.activeAt = turn.steady;
  entry.counts.running--;
  entry.countEnded(task);
  if (succeeded) entry.counts.succeed++;
  else entry.counts.failed++;
  const record = copyOf(task);
  record.executorId = undefined;
  record.state = succeeded ? "Succeed" : "Failed";
  record.completionTime = turn.now;
  if (outcome.output !== undefined) record.outputBytes = outcome.output.length;
  const end = succeeded
    ? usualEvent(turn, eventCodes.taskSucceeded)
    : event(turn, eventCodes.taskFailed, failureOf(outcome));
  record.events = [...task.events, end];
  return replace(turn, entry, record, outcome.output);
}

function failureOf({ message }: TaskOutcome): string {
  return message === undefined || message === "" ? "Task failed without a message" : message;
}

/** The lease was lost through no fault of the task: Pending again, with an event that says why. */
export function requeueTask(
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  reason: string,
): TaskRecord {
  entry.tally.scheduleWanted.raise();
  const record = pendingAgain(entry, task);
  const text = `Task was put back to state <Pending>: ${reason}`;
  record.events = [...task.events, event(turn, eventCodes.taskRequeued, text)];
  return replace(turn, entry, record);
}

/**
 * What was believed to have begun at an executor had not, as its node says: it is as if it had waited there all the time.
 * On disk that must be known before anybody else begins it, if it is there that it has begun.
 */
export function unbeginTask(turn: FlameTurn, entry: SessionEntry, task: TaskRecord): TaskRecord {
  const record = pendingAgain(entry, task);
  record.attempt--;
  // The last one says that it was launched.
  record.events = task.events.slice(0, -1);
  entry.tasks.set(record.id, record);
  if (!entry.unwritten.delete(record.id))
    turn.change({ kind: "task.put", record, input: undefined, output: undefined, unbegun: true });
  return record;
}

/** A Running task is in the queue again, at its old place. */
function pendingAgain(entry: SessionEntry, task: TaskRecord): GrowingTask {
  entry.counts.running--;
  entry.counts.pending++;
  entry.pending.putBack(task.id);
  const record = copyOf(task);
  record.executorId = undefined;
  record.state = "Pending";
  return record;
}

/** An attempt that counts: the task had begun, and what ran it is gone through no wish of anybody. */
export interface FailedAttempt {
  readonly kind: keyof AttemptLimits;
  /** What happened, and where. */
  readonly reason: string;
}

/** The task's service died, or its node was lost: Pending again, or Failed when that happened too often. */
export function failAttempt(
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  { kind, reason }: FailedAttempt,
  limits: AttemptLimits,
): TaskRecord {
  const counted = { ...task, [kind]: task[kind] + 1 };
  const count = counted[kind];
  const most = limits[kind];
  const what = kind === "crashes" ? "crash" : "lost node";
  if (count < most)
    return requeueTask(turn, entry, counted, `${reason} (${what} ${count} of ${most})`);
  entry.tally.scheduleWanted.raise();
  const message = attemptsText(counted, { kind, reason, most, now: turn.now });
  return completeTask(turn, entry, counted, { returnCode: -1, message });
}

/** Why a task is ended from outside. */
export interface Ending {
  readonly code: number;
  /** For the record. */
  readonly detail: string;
  /** The failure that clients see. */
  readonly message: string;
}

/** Somebody or something ended a Running task from outside: Failed, with an event that says which. */
export function stopTask(
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  why: Ending,
): TaskRecord {
  entry.tally.scheduleWanted.raise();
  const told = { ...task, events: [...task.events, event(turn, why.code, why.detail)] };
  return completeTask(turn, entry, told, { returnCode: -1, message: why.message });
}

/** A Pending task that no executor has is Failed without another attempt. */
export function failPending(
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  { code, detail, message }: Ending,
): TaskRecord {
  leavePending(turn, entry, task);
  entry.counts.failed++;
  const record = copyOf(task);
  record.state = "Failed";
  record.completionTime = turn.now;
  record.events = [
    ...task.events,
    event(turn, code, detail),
    event(turn, eventCodes.taskFailed, message),
  ];
  return replace(turn, entry, record);
}

/** A Pending task will never run. */
export function cancelPending(
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  caller: Caller,
): TaskRecord {
  leavePending(turn, entry, task);
  entry.counts.cancelled++;
  return replace(turn, entry, {
    ...task,
    state: "Cancelled",
    completionTime: turn.now,
    events: [...task.events, event(turn, eventCodes.cancelled, cancelledBy(caller))],
  });
}

function leavePending(turn: FlameTurn, entry: SessionEntry, task: TaskRecord): void {
  entry.activeAt = turn.steady;
  entry.pending.remove(task.id);
  entry.counts.pending--;
  entry.countEnded(task);
  entry.tally.scheduleWanted.raise();
}

/** Who cancelled something, and from where, for the record. */
export function cancelledBy({ name, authenticatedBy, from }: Caller): string {
  return `cancelled by ${name} (${authenticatedBy}, from ${from})`;
}

type GrowingTask = { -readonly [K in keyof TaskRecord]: TaskRecord[K] };

/** Every record has every field, so that they are of one shape: spread ones took as long as all else that ends a task. */
function copyOf(task: TaskRecord): GrowingTask {
  return {
    sessionId: task.sessionId,
    id: task.id,
    state: task.state,
    creationTime: task.creationTime,
    completionTime: task.completionTime,
    inputBytes: task.inputBytes,
    outputBytes: task.outputBytes,
    attempt: task.attempt,
    crashes: task.crashes,
    lostNodes: task.lostNodes,
    executorId: task.executorId,
    term: task.term,
    deadline: task.deadline,
    events: task.events,
  };
}

function replace(
  turn: FlameTurn,
  entry: SessionEntry,
  record: TaskRecord,
  output?: Buffer,
): TaskRecord {
  const begun = entry.unwritten.delete(record.id) || undefined;
  turn.change({ kind: "task.put", record, input: undefined, output, begun });
  if (record.completionTime === undefined) entry.tasks.set(record.id, record);
  else {
    entry.tasks.delete(record.id);
    clearDeadline(entry, record);
  }
  // A return to Pending is kept from watchers, as the published server does: they hear the next state they do not know.
  if (record.state !== "Pending") notifyWatchers(turn, entry, record);
  return record;
}

function createdEvents(turn: FlameTurn): readonly FlameEvent[] {
  const { created } = usualEventsOf(turn.now);
  return created;
}

function event(turn: FlameTurn, code: number, message: string): FlameEvent {
  return { code, message: message.slice(0, eventMessageCharsMax), creationTime: turn.now };
}

function usualEvent(turn: FlameTurn, code: number): FlameEvent {
  const { byCode } = usualEventsOf(turn.now);
  let known = byCode[code];
  if (known === undefined) {
    known = event(turn, code, usualEventTexts[code] ?? "");
    byCode[code] = known;
  }
  return known;
}

/** Events without a text of their own, and the list of a task that was just created. */
interface UsualEvents {
  readonly time: number;
  readonly byCode: FlameEvent[];
  readonly created: readonly FlameEvent[];
}

/** The same for all tasks of a turn, since events and lists never change: a long queue holds few of them. */
function usualEventsOf(time: number): UsualEvents {
  if (usual?.time !== time) {
    const code = eventCodes.taskCreated;
    const created = { code, message: usualEventTexts[code] ?? "", creationTime: time };
    usual = { time, byCode: [created], created: [created] };
  }
  return usual;
}

let usual: UsualEvents | undefined;
