import { eventCodes, type FlameEvent } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { eventMessageCharsMax } from "../model/limits.ts";
import { type TaskOutcome, type TaskRecord, taskCrashesMax } from "../model/task.ts";
import type { SessionEntry } from "./session-entry.ts";
import { notifyWatchers } from "./watches.ts";

// The life of one task. Every function replaces the record, keeps the counts, writes the change and tells the watchers.

/** A new Pending task with the next id of its session. */
export function createTask(
  turn: FlameTurn,
  entry: SessionEntry,
  input: Buffer | undefined,
): TaskRecord {
  entry.lastTaskId++;
  entry.activeAt = turn.steady;
  const record: TaskRecord = {
    sessionId: entry.record.id,
    id: entry.lastTaskId,
    state: "Pending",
    creationTime: turn.now,
    ...(input !== undefined && { inputBytes: input.length }),
    attempt: 0,
    crashes: 0,
    events: createdEvents(turn),
  };
  entry.tasks.set(record.id, record);
  entry.pending.append(record.id);
  entry.counts.pending++;
  entry.tally.tasks++;
  turn.change({ kind: "task.put", record, ...(input !== undefined && { input }) });
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
  if (task === undefined) return undefined;
  entry.counts.pending--;
  entry.counts.running++;
  return replace(turn, entry, {
    ...task,
    state: "Running",
    attempt: task.attempt + 1,
    executorId,
    events: [
      ...task.events,
      event(turn, eventCodes.taskLaunched, "Task was updated to state <Running>"),
    ],
  });
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
  entry.tally.tasks--;
  if (succeeded) entry.counts.succeed++;
  else entry.counts.failed++;
  const { executorId: _lease, ...rest } = task;
  const failure =
    outcome.message === undefined || outcome.message === ""
      ? "Task failed without a message"
      : outcome.message;
  return replace(
    turn,
    entry,
    {
      ...rest,
      state: succeeded ? "Succeed" : "Failed",
      completionTime: turn.now,
      ...(outcome.output !== undefined && { outputBytes: outcome.output.length }),
      events: [
        ...task.events,
        succeeded
          ? event(turn, eventCodes.taskSucceeded, "Task was completed with state <Succeed>")
          : event(turn, eventCodes.taskFailed, failure),
      ],
    },
    outcome.output,
  );
}

/** The lease was lost through no fault of the task: Pending again, with an event that says why. */
export function requeueTask(
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  reason: string,
): TaskRecord {
  entry.counts.running--;
  entry.counts.pending++;
  entry.pending.putBack(task.id);
  const { executorId: _lease, ...rest } = task;
  return replace(turn, entry, {
    ...rest,
    state: "Pending",
    events: [
      ...task.events,
      event(turn, eventCodes.taskRequeued, `Task was put back to state <Pending>: ${reason}`),
    ],
  });
}

/** The service died while the task ran: Pending again, or Failed when that happened too often. */
export function crashTask(
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  detail: string,
): TaskRecord {
  const crashed = { ...task, crashes: task.crashes + 1 };
  if (crashed.crashes < taskCrashesMax) {
    const attempt = `attempt ${crashed.crashes} of ${taskCrashesMax}`;
    return requeueTask(turn, entry, crashed, `the service crashed (${attempt}): ${detail}`);
  }
  const message = `the service crashed in each of ${taskCrashesMax} attempts, the last time: ${detail}`;
  return completeTask(turn, entry, crashed, { returnCode: -1, message });
}

function replace(
  turn: FlameTurn,
  entry: SessionEntry,
  record: TaskRecord,
  output?: Buffer,
): TaskRecord {
  turn.change({ kind: "task.put", record, ...(output !== undefined && { output }) });
  if (record.completionTime === undefined) entry.tasks.set(record.id, record);
  else entry.tasks.delete(record.id);
  // A return to Pending is kept from watchers, as the published server does: they hear the next state they do not know.
  if (record.state !== "Pending") notifyWatchers(turn, entry, record);
  return record;
}

/** The same for all tasks of a turn, since records never change: a long queue holds few of them. */
function createdEvents(turn: FlameTurn): readonly FlameEvent[] {
  if (created?.[0]?.creationTime !== turn.now) {
    created = [event(turn, eventCodes.taskCreated, "Task was created with state <Pending>")];
  }
  return created;
}

let created: readonly FlameEvent[] | undefined;

function event(turn: FlameTurn, code: number, message: string): FlameEvent {
  return { code, message: message.slice(0, eventMessageCharsMax), creationTime: turn.now };
}
