import type { ApplicationRecord } from "../model/application.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { applicationRemoved, finishRemoval } from "./application-removal.ts";
import { tellWatchers, watchApplications } from "./application-watches.ts";
import { type Handlers, waits } from "./handler.ts";
import { pin } from "./pins.ts";
import type { CoreState } from "./state.ts";

/** Applications: the registry's rules decide, this keeps what they decided. */
export const applicationHandlers: Handlers<
  | "application.register"
  | "application.update"
  | "application.unregister"
  | "application.apply"
  | "application.remove"
  | "application.get"
  | "application.list"
  | "application.view"
  | "application.ofSession"
  | "application.seed"
  | "application.watch"
> = {
  "application.register": (state, turn, input) => {
    const record = state.applications.register(input, turn.now);
    finishRemoval(state, turn, record.name);
    turn.change({ kind: "application.put", record });
    tellWatchers(state, turn, { kind: "created", record });
    return record;
  },

  "application.update": (state, turn, input) => {
    const before = state.applications.get(input.name);
    const openSessions = state.sessions.openSessionsOf(input.name);
    const record = state.applications.update(input, openSessions, turn.now);
    if (record === before) return record;
    turn.change({ kind: "application.put", record });
    tellWatchers(state, turn, { kind: "changed", record });
    return record;
  },

  "application.unregister": (state, turn, { name, author }) => {
    const record = state.applications.get(name);
    state.applications.unregister(name, state.sessions.openSessionsOf(name));
    applicationRemoved(state, turn, record, author);
    return undefined;
  },

  "application.apply": (state, turn, { applications, options }) => {
    const outcomes = state.applications.apply(applications, options, turn.now);
    if (options.dryRun === true) return outcomes;
    for (const outcome of outcomes) {
      if (outcome.action !== "refused") keep(state, turn, outcome.record, outcome.before);
    }
    return outcomes;
  },

  "application.remove": (state, turn, input) => {
    const openSessions = state.sessions.openSessionsOf(input.name);
    const { outcome, record } = state.applications.remove(input, openSessions);
    if (outcome === "removed") applicationRemoved(state, turn, record, input.author);
    else {
      turn.change({ kind: "application.put", record });
      tellWatchers(state, turn, { kind: "changed", record });
    }
    return outcome;
  },

  "application.get": (state, _turn, { name }) => state.applications.get(name),

  "application.view": (state, _turn, { name }) => {
    const { applications } = state;
    const records = name === undefined ? applications.list() : [applications.get(name)];
    return records.map((record) => ({
      record,
      openSessions: state.sessions.openSessionsOf(record.name),
    }));
  },

  "application.list": (state) => state.applications.list(),

  "application.ofSession": (state, _turn, { sessionId }) => {
    const { record } = state.sessions.get(sessionId);
    const { application: name, applicationRevision: revision } = record;
    return { name, revision };
  },

  "application.seed": (state, turn, { defaults }) => {
    const results = state.applications.seed(defaults, turn.now);
    for (const { before, record } of results) keep(state, turn, record, before);
    return results.map(({ outcome }) => outcome);
  },

  "application.watch": (state, turn, input, token) => {
    watchApplications(state, turn, input, token);
    return waits;
  },
};

/** Makes the new state of one application durable. Open sessions stay with the revision they were created with. */
function keep(
  state: CoreState,
  turn: FlameTurn,
  record: ApplicationRecord,
  before: ApplicationRecord | undefined,
): void {
  if (record === before) return;
  if (before === undefined) finishRemoval(state, turn, record.name);
  if (before !== undefined && before.revision !== record.revision) pin(state, before);
  turn.change({ kind: "application.put", record });
  tellWatchers(state, turn, { kind: before === undefined ? "created" : "changed", record });
}
