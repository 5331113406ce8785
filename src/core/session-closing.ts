import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { removeUnused } from "./application-removal.ts";
import { dismiss } from "./executor-commands.ts";
import { withdrawAll } from "./local-queues.ts";
import { unpin } from "./pins.ts";
import { evictClosed, scheduleDeletion } from "./session-deletion.ts";
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
  if (entry.counts.running === 0) withdrawAll(state, turn, entry);
  state.sessions.close(turn, entry);
  endUse(state, entry);
  // Nobody waits for its tasks any more.
  for (const executorId of [...entry.executors]) {
    const executor = state.executors.find(executorId);
    if (executor !== undefined) dismiss(state, turn, entry, executor);
  }
  state.deadlines.clear("bind", id);
  scheduleDeletion(state, entry.record, turn);
  evictClosed(state, turn);
  unpin(state, entry.record);
  removeUnused(state, turn, entry.record.application);
  return true;
}
