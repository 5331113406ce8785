import type { ApplicationRecord } from "../model/application.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { tellWatchers } from "./application-watches.ts";
import { deleteSession } from "./session-deletion.ts";
import type { CoreState } from "./state.ts";

/** The application is out of the registry: its closed sessions go along. */
export function applicationRemoved(
  state: CoreState,
  turn: FlameTurn,
  record: ApplicationRecord,
): void {
  for (const entry of state.sessions.closedOf(record.name)) deleteSession(state, turn, entry);
  turn.change({ kind: "application.delete", name: record.name });
  tellWatchers(state, turn, { kind: "removed", record });
}

/** A disabled application goes when the last of its open sessions was closed. */
export function removeUnused(state: CoreState, turn: FlameTurn, name: string): void {
  const application = state.applications.find(name);
  if (application?.state !== "Disabled" || state.sessions.openSessionsOf(name) > 0) return;
  const { record } = state.applications.remove({ name, force: true }, 0);
  applicationRemoved(state, turn, record);
}
