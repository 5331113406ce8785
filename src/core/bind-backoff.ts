import type { ExecutorEntry } from "../executors/executor-book.ts";
import { eventCodes } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { CoreState } from "./state.ts";

/** The longest pause between two binds of a session whose binds fail; one probe each goes on forever. */
export const bindPauseMsMax = 30_000;
const bindPauseMsFirst = 1000;

/** The session's cause of failure is gone. */
export function bindSucceeded(state: CoreState, entry: SessionEntry): void {
  entry.bind.failures = 0;
  entry.bind.notBefore = 0;
  state.deadlines.clear("bind", entry.record.id);
}

/** Pauses 1, 2, 4 ... 30 s; says so in the session's events (docs/protocol.md, "Events"). */
export function bindFailed(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executor: ExecutorEntry,
  outcome: { returnCode: number; message?: string },
): void {
  const { id, node } = executor.record;
  const limit = state.options.bindRetryLimit;
  entry.bind.failures++;
  const pauseMs = Math.min(
    bindPauseMsMax,
    bindPauseMsFirst * 2 ** Math.min(entry.bind.failures - 1, 10),
  );
  entry.bind.notBefore = turn.steady + pauseMs;
  state.deadlines.set("bind", entry.record.id, entry.bind.notBefore);
  state.sessions.addEvent(
    turn,
    entry,
    eventCodes.bindFailed,
    `failed to bind session: executor ${id} on node ${node}, return_code ${outcome.returnCode}: ${outcome.message ?? "no detail was given"}`,
  );
  if (entry.bind.failures === limit) {
    state.sessions.addEvent(
      turn,
      entry,
      eventCodes.bindRetriesExhausted,
      `bind retry limit reached (${entry.bind.failures}/${limit}): new assignment is paused, but for one attempt every ${bindPauseMsMax / 1000} s`,
    );
  }
}

/** How many executors the session may be given now: none while paused, one as a probe after failures. */
export function bindAllowance(
  state: CoreState,
  entry: SessionEntry,
  binding: number,
  steady: number,
): number {
  if (state.options.bindRetryLimit === 0 || steady < entry.bind.notBefore) return 0;
  return entry.bind.failures === 0 ? Number.POSITIVE_INFINITY : Math.max(0, 1 - binding);
}
