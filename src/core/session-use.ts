import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { CoreState } from "./state.ts";

// docs/protocol.md, "Unused sessions": a session that its clients did not ask to keep ends with them.

/** A session that so many clients have opened is nobody's any more: it stays until somebody closes it. */
const clientsMax = 16;

/** Begins to look whether a session that ends with its clients is still used: a new one, or one that was restored. */
export function beginUse(state: CoreState, entry: SessionEntry, steady: number): void {
  const { clients } = entry.record;
  if (clients === undefined || entry.record.state !== "Open") return;
  entry.activeAt = steady;
  for (const client of clients) state.clients.join(client, steady);
  lookAgain(state, entry, steady);
}

/** The session is over: nobody need look any more. */
export function endUse(state: CoreState, { record }: SessionEntry): void {
  for (const client of record.clients ?? []) state.clients.leave(client);
  state.deadlines.clear("unused", record.id);
}

/** Another caller opens the session. @param client absent: one that does not say who it is, or that wants it kept */
export function shareUse(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  client: string | undefined,
): void {
  const { clients } = entry.record;
  if (clients === undefined) return;
  entry.activeAt = turn.steady;
  if (client !== undefined && clients.includes(client)) {
    state.clients.heard(client, turn.steady);
    return;
  }
  if (client === undefined || clients.length === clientsMax) {
    endUse(state, entry);
    state.sessions.setClients(turn, entry, undefined);
    return;
  }
  state.clients.join(client, turn.steady);
  state.sessions.setClients(turn, entry, [...clients, client]);
}

/** Sets when to look next whether the session is used. */
export function lookAgain(state: CoreState, entry: SessionEntry, steady: number): void {
  const { absentClientMs, idleSessionMs } = state.options;
  const { record, activeAt } = entry;
  const seen = Math.max(state.clients.lastSeen(record.clients ?? []), activeAt);
  const at = Math.min(seen + absentClientMs, activeAt + idleSessionMs);
  if (at === Number.POSITIVE_INFINITY) return;
  state.deadlines.set("unused", record.id, Math.max(at, steady + 1));
}
