import { eventCodes } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionRecord } from "../model/session.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { closeSession } from "./session-closing.ts";
import { lookAgain } from "./session-use.ts";
import type { CoreState } from "./state.ts";

/** The time to look has come: the session is closed, or looked at again. */
export function closeIfUnused(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  const { clients, state: open } = entry.record;
  if (clients === undefined || open !== "Open") return;
  const reason = isBusy(entry) ? undefined : unusedReason(state, entry, clients, turn.steady);
  if (reason === undefined) {
    if (isBusy(entry)) entry.activeAt = turn.steady;
    lookAgain(state, entry, turn.steady);
    return;
  }
  state.sessions.addEvent(
    turn,
    entry,
    eventCodes.sessionUnused,
    `the session was closed: ${reason}`,
  );
  closeSession(state, turn, entry);
}

/** Why a session is closed that nobody closed: its own words, for whoever comes back to it. */
export function closedBecause({ events }: SessionRecord): string | undefined {
  return events.findLast(({ code }) => code === eventCodes.sessionUnused)?.message;
}

function unusedReason(
  { clients: book, options: { absentClientMs, idleSessionMs } }: CoreState,
  { activeAt }: SessionEntry,
  clients: readonly string[],
  steady: number,
): string | undefined {
  if (steady - Math.max(book.lastSeen(clients), activeAt) >= absentClientMs)
    return `its client was not heard of for ${absentClientMs / 1000} s (cluster.limits.absent_client_timeout) and no task was open; a session that is to outlive its client needs an id of its own, or keep`;
  if (steady - activeAt >= idleSessionMs)
    return `it had no task for ${idleSessionMs / 1000} s (cluster.limits.idle_session_timeout); a session that is to wait longer needs an id of its own, or keep`;
  return undefined;
}

const isBusy = ({ counts }: SessionEntry): boolean => counts.pending + counts.running > 0;
