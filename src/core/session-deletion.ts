import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionRecord } from "../model/session.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { CoreState } from "./state.ts";

/** One moment on both clocks; a turn is one. */
export type Moment = Pick<FlameTurn, "now" | "steady">;

/** Sees to it that a closed session goes when `limits.closed_session_retention` has passed. */
export function scheduleDeletion(
  state: CoreState,
  record: SessionRecord,
  { now, steady }: Moment,
): void {
  const { closedSessionRetentionMs } = state.options;
  if (record.completionTime === undefined || closedSessionRetentionMs === Number.POSITIVE_INFINITY)
    return;
  // The date may have been set back since it was closed: nothing is kept for longer than retention says.
  const age = Math.max(0, now - record.completionTime);
  const leftMs = Math.max(0, closedSessionRetentionMs - age);
  state.deadlines.set("retention", record.id, steady + leftMs);
}

/** A limit that was lowered is reached over some turns. */
const evictedAtOnce = 500;

/** Deletes the sessions that were closed longest ago while more are kept than `limits.max_sessions` allows. */
export function evictClosed(state: CoreState, turn: FlameTurn): void {
  for (const entry of state.sessions.closedBeyond(state.options.sessionsMax, evictedAtOnce))
    deleteSession(state, turn, entry);
}

/** Its executors forget it first: a later session may bear the same id. */
export function deleteSession(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  state.sessions.delete(turn, entry);
  state.deadlines.clear("retention", entry.record.id);
  detachExecutors(state, turn, entry);
}

/** Its executors serve no session from now on. */
export function detachExecutors(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  for (const id of entry.executors) {
    const executor = state.executors.find(id);
    if (executor === undefined) continue;
    state.executors.detach(turn, executor);
  }
  entry.executors.clear();
}
