import type { FlameTurn } from "../model/flame-turn.ts";
import type { AttemptLimits, TaskRecord } from "../model/task.ts";
import { type SessionEntry, setDeadline } from "../sessions/session-entry.ts";
import { beginQueuedTask, launchTask } from "../sessions/task-life.ts";
import type { Moment } from "./session-deletion.ts";
import type { CoreState } from "./state.ts";

// What an application allows each of its tasks: how often its attempts may fail, and how long each may take.

/** How often attempts at a task of the session may fail. */
export function attemptLimitsOf(state: CoreState, { record }: SessionEntry): AttemptLimits {
  const spec = state.applicationOf(record)?.spec;
  // An open session always has its application.
  return { crashes: spec?.max_crashes ?? 1, lostNodes: spec?.max_lost_nodes ?? 1 };
}

/** How long each attempt at a task of the session may take, in milliseconds; undefined: without a limit. */
export function timeoutMsOf(state: CoreState, { record }: SessionEntry): number | undefined {
  const seconds = state.applicationOf(record)?.spec.task_timeout;
  return seconds === undefined ? undefined : 1000 * seconds;
}

/** Leases the lowest Pending task to an executor, and counts its time; undefined when none is Pending. */
export function beginTask(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executorId: string,
): TaskRecord | undefined {
  const task = launchTask(turn, entry, executorId);
  if (task !== undefined) begun(state, turn, entry, executorId);
  return task;
}

/** A task that no queue holds has begun at an executor on a work stream, and its time counts. */
export function beginQueued(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executorId: string,
  task: TaskRecord,
): TaskRecord {
  const record = beginQueuedTask(turn, entry, executorId, task);
  begun(state, turn, entry, executorId);
  return record;
}

function begun(state: CoreState, turn: FlameTurn, entry: SessionEntry, executorId: string): void {
  limitTime(state, entry, executorId, turn.steady, 0);
  // Nothing is Pending any more: who waits may be what another session lacks.
  if (entry.counts.pending === 0 && entry.idle.size + entry.launchWaiters.size > 0)
    state.scheduleWanted.raise();
}

/** Goes on counting the time of a task that was Running when the process ended. */
export function resumeTask(
  state: CoreState,
  entry: SessionEntry,
  task: TaskRecord,
  { now, steady }: Moment,
): void {
  const { executorId, events } = task;
  if (executorId === undefined) return;
  // The date may have been set back meanwhile: no task gets more than its time.
  const begun = events.at(-1)?.creationTime ?? now;
  limitTime(state, entry, executorId, steady, Math.max(0, now - begun));
}

/** Goes on counting towards the deadline of a task that was open when the process ended. */
export function resumeDeadline(state: CoreState, task: TaskRecord, { now, steady }: Moment): void {
  const { deadline, creationTime, sessionId } = task;
  if (deadline === undefined) return;
  // The date may have been set back meanwhile, here as well.
  const left = Math.min(deadline - now, deadline - creationTime);
  setDeadline(state.sessions.get(sessionId), task, steady + Math.max(0, left));
}

function limitTime(
  state: CoreState,
  entry: SessionEntry,
  executorId: string,
  steady: number,
  ageMs: number,
): void {
  const timeoutMs = timeoutMsOf(state, entry);
  if (timeoutMs === undefined) return;
  state.deadlines.set("timeout", executorId, steady + Math.max(0, timeoutMs - ageMs));
}
