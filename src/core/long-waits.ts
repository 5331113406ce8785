import { eventCodes } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { CoreState } from "./state.ts";
import { WaitReasons } from "./wait-reasons.ts";

/** So long a session with Pending tasks may be without any executor before an event says why, in milliseconds. */
export const longWaitMs = 10_000;

/** Begins to count for sessions that have tasks and no executor, and ends it for those that have one now. */
export function noteWaits(state: CoreState, turn: FlameTurn): void {
  for (const entry of state.sessions.open()) {
    const waits = isWaiting(entry);
    if (waits === entry.longWaitTimerSet) continue;
    entry.longWaitTimerSet = waits;
    if (waits) state.deadlines.set("wait", entry.record.id, turn.steady + longWaitMs);
    else state.deadlines.clear("wait", entry.record.id);
  }
}

/**
 * Sessions of these ids that still have no executor: an event says why, once until they have had one (docs/protocol.md,
 * "Events").
 */
export function reportLongWaits(state: CoreState, turn: FlameTurn, ids: readonly string[]): void {
  let reasons: WaitReasons | undefined;
  for (const id of ids) {
    const entry = state.sessions.find(id);
    if (entry?.record.state !== "Open" || !isWaiting(entry)) continue;
    reasons ??= new WaitReasons(state);
    const reason = reasons.of(entry);
    if (reason === undefined) continue;
    const message = `no executor for ${longWaitMs / 1000} s, the tasks wait: ${reason}`;
    // After a restart the same is found again.
    if (entry.record.events.at(-1)?.message === message) continue;
    state.sessions.addEvent(turn, entry, eventCodes.noExecutorForLong, message);
  }
}

/** What fails to bind has events of its own. */
function isWaiting({ counts, executors, bind }: SessionEntry): boolean {
  return counts.pending > 0 && executors.size === 0 && bind.failures === 0;
}
