import type { ApplicationRecord } from "../model/application.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { tellWatchers } from "./application-watches.ts";
import { deleteSession, detachExecutors } from "./session-deletion.ts";
import type { CoreState } from "./state.ts";

/** So many closed sessions of a removed application go in one turn: some milliseconds for the disk. */
const deletedAtOnce = 100;

/** Between two such turns others have theirs, in milliseconds. */
const pauseMs = 20;

/**
 * The application is out of the registry: its closed sessions go along. Where they are many they are gone for everybody
 * at once, and their records go turn by turn.
 */
export function applicationRemoved(
  state: CoreState,
  turn: FlameTurn,
  record: ApplicationRecord,
  author: string,
): void {
  leave(state, turn, record.name);
  const { name, revision } = record;
  const removal = { time: turn.now, author, revision };
  turn.change({ kind: "application.delete", name, removal });
  tellWatchers(state, turn, { kind: "removed", record });
}

/** A start: what an earlier process did not come to is the closed sessions of applications that are not there. */
export function resumeRemovals(state: CoreState, steady: number): void {
  for (const application of [...state.sessions.applicationsOfClosed()]) {
    if (state.applications.find(application) !== undefined) continue;
    state.sessions.leave(application);
    state.deadlines.set("removal", application, steady);
  }
}

/** The next of the sessions that a removed application left. */
export function continueRemoval(state: CoreState, turn: FlameTurn, application: string): void {
  const { leaving } = state.sessions;
  for (const entry of [...leaving.of(application, deletedAtOnce)])
    deleteSession(state, turn, entry);
  if (leaving.has(application)) state.deadlines.set("removal", application, turn.steady + pauseMs);
}

/** An application of that name is there again: what its predecessor left must be told from what it gets. */
export function finishRemoval(state: CoreState, turn: FlameTurn, application: string): void {
  for (const entry of [...state.sessions.leaving.of(application)])
    deleteSession(state, turn, entry);
}

function leave(state: CoreState, turn: FlameTurn, application: string): void {
  const { sessions } = state;
  if (sessions.closedSessionsOf(application) <= deletedAtOnce) {
    for (const entry of [...sessions.closedOf(application)]) deleteSession(state, turn, entry);
    return;
  }
  // Executors on their way out know their session by its id, which may be taken again.
  for (const entry of sessions.closedOf(application))
    if (entry.hasExecutors) detachExecutors(state, turn, entry);
  sessions.leave(application);
  state.deadlines.set("removal", application, turn.steady);
}

/** A disabled application goes when the last of its open sessions was closed. */
export function removeUnused(state: CoreState, turn: FlameTurn, name: string): void {
  const application = state.applications.find(name);
  if (application?.state !== "Disabled" || state.sessions.openSessionsOf(name) > 0) return;
  // One that was disabled before this was kept tells nobody.
  const author = application.removedBy ?? "unknown";
  const { record } = state.applications.remove({ name, author, force: true }, 0);
  applicationRemoved(state, turn, record, author);
}
