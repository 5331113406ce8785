import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { handToWaiters } from "./executor-waits.ts";
import { fill } from "./local-queues.ts";
import type { CoreState } from "./state.ts";

/** Pending tasks go to the executors of their session that take some. */
export function handOut(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  handToWaiters(state, turn, entry);
  fill(state, turn, entry);
}

/**
 * It is known what waits at the executor. As soon as it is of all executors that the session had before a restart, the
 * tasks that were Pending then are handed out.
 */
export function heardOf(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executorId: string,
): void {
  if (!entry.awaited.delete(executorId) || entry.awaited.size > 0) return;
  entry.pending.thaw();
  handOut(state, turn, entry);
}
