import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { removeUnused } from "./application-removal.ts";
import { releaseWaiters } from "./executor-waits.ts";
import { unpin } from "./pins.ts";
import { evictClosed, retire } from "./session-deletion.ts";
import { endUse } from "./session-use.ts";
import type { CoreState } from "./state.ts";

/**
 * Closes an open session with everything that hangs on it; a closed one is left as it is.
 * @returns whether it was open.
 * @throws FlameError internal while a task runs.
 */
export function closeSession(state: CoreState, turn: FlameTurn, entry: SessionEntry): boolean {
  if (entry.record.state !== "Open") return false;
  const { id } = entry.record;
  state.sessions.close(turn, entry);
  endUse(state, entry);
  releaseWaiters(state, turn, entry);
  state.deadlines.clear(`bind ${id}`);
  retire(state, entry.record, turn);
  state.scheduleWanted = true;
  evictClosed(state, turn);
  unpin(state, entry.record);
  removeUnused(state, turn, entry.record.application);
  return true;
}
