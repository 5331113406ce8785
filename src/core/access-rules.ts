import { grantsText, mayChangeOwned, type Owned, requireRole, seesOwned } from "../model/access.ts";
import type { Caller } from "../model/caller.ts";
import { FlameError } from "../model/errors.ts";
import { unknownSession } from "../sessions/session-book.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { CallKind, CommandKind, CommandTable, Reply } from "./commands.ts";
import type { CoreState } from "./state.ts";

/** What stands between a caller with roles and one kind of command. */
export interface AccessRule<K extends CommandKind> {
  /** @throws FlameError not_found for what the caller may not know of, permission_denied for what it may only look at */
  readonly check?: (state: CoreState, caller: Caller, input: CommandTable[K]["input"]) => void;
  /** As much of the reply as the caller may know. */
  readonly shown?: K extends CallKind
    ? (state: CoreState, caller: Caller, reply: Reply<K>) => Reply<K>
    : never;
}

/** Nothing in it belongs to anybody: the role that the call needs is all (security/rpc-access.ts). */
const anybody = {};

/** Asked by nodes, which have rules of their own (node-owners.ts), or by the session manager itself. */
const noClient = {
  check: (): never => {
    throw new FlameError("permission_denied", "no client may ask this");
  },
};

interface OfSession {
  readonly sessionId: string;
}
const looks = {
  check: (state: CoreState, caller: Caller, { sessionId }: OfSession): void => {
    seenSession(state, caller, sessionId);
  },
};
const changes = {
  check: (state: CoreState, caller: Caller, { sessionId }: OfSession): void => {
    changedSession(state, caller, sessionId);
  },
};
const changesById = {
  check: (state: CoreState, caller: Caller, { id }: { readonly id: string }): void => {
    changedSession(state, caller, id);
  },
};

interface Application {
  readonly name: string;
  readonly spec?: { readonly labels?: readonly string[] };
}
const changesApplication = {
  check: (state: CoreState, caller: Caller, application: Application): void => {
    mayChangeApplication(state, caller, application);
  },
};

/** Who may ask what of whose: docs/security.md, 37.4 to 37.6. */
export const accessRules: { readonly [K in CommandKind]: AccessRule<K> } = {
  "application.register": changesApplication,
  "application.update": changesApplication,
  "application.unregister": changesApplication,
  "application.apply": {
    check: (state, caller, { applications }) => {
      for (const application of applications) mayChangeApplication(state, caller, application);
    },
  },
  "application.remove": changesApplication,
  "application.get": anybody,
  "application.view": anybody,
  "application.list": anybody,
  "application.ofSession": looks,
  "application.seed": noClient,
  "application.watch": anybody,

  "session.create": {
    check: (state, caller, { request }) => mayUseApplication(state, caller, request.application),
  },
  "session.open": {
    check: (state, caller, { id, request }) => {
      const entry = state.sessions.find(id);
      if (entry !== undefined && request !== undefined && !seesSession(state, caller, entry))
        throw new FlameError(
          "already_exists",
          `session ${id} belongs to somebody else; choose another id (docs/security.md, 37.4)`,
        );
      if (entry !== undefined || request === undefined) changedSession(state, caller, id);
      else mayUseApplication(state, caller, request.application);
    },
  },
  "session.close": changesById,
  "session.cancel": changes,
  "session.delete": changesById,
  "session.objectsDeleted": noClient,
  "session.get": {
    check: (state, caller, { id }) => {
      seenSession(state, caller, id);
    },
  },
  "session.list": {
    shown: (state, caller, views) =>
      views.filter(({ record }) => seesOwned(caller, ownedBy(state, record))),
  },
  "client.beat": anybody,

  "task.create": changes,
  "task.get": looks,
  "task.watch": looks,
  "task.list": looks,
  "submit.open": changes,
  "submit.tasks": changes,
  "submit.follow": changes,

  "node.list": anybody,
  "node.get": anybody,
  "node.free": anybody,
  "node.register": noClient,
  "node.release": noClient,
  "node.sync": noClient,
  "node.watch": noClient,
  "node.beat": noClient,
  "node.work": noClient,
  "node.worked": noClient,

  "executor.list": {
    // That an executor is busy is no secret, else the room of a node would not add up; with what, is one.
    shown: (state, caller, executors) =>
      executors.map((executor) => {
        const { sessionId, ...rest } = executor;
        const entry = sessionId === undefined ? undefined : state.sessions.find(sessionId);
        return entry === undefined || seesSession(state, caller, entry) ? executor : rest;
      }),
  },
  "executor.register": noClient,
  "executor.unregister": noClient,
  "executor.bind": noClient,
  "executor.bindCompleted": noClient,
  "executor.unbind": noClient,
  "executor.unbindCompleted": noClient,
  "executor.launch": noClient,
  "executor.complete": noClient,

  cancel: anybody,
  tick: noClient,
};

/** Whether somebody may know of a session. */
export function seesSession(
  state: Pick<CoreState, "applications">,
  caller: Caller,
  { record }: SessionEntry,
): boolean {
  return seesOwned(caller, ownedBy(state, record));
}

/** @throws FlameError not_found, as of one that is not there */
function seenSession(state: CoreState, caller: Caller, id: string): SessionEntry {
  const entry = state.sessions.find(id);
  if (entry === undefined || !seesSession(state, caller, entry)) throw unknownSession(id);
  return entry;
}

/** @throws FlameError not_found; permission_denied where it may be looked at */
function changedSession(state: CoreState, caller: Caller, id: string): void {
  const { record } = seenSession(state, caller, id);
  if (mayChangeOwned(caller, ownedBy(state, record))) return;
  throw new FlameError(
    "permission_denied",
    `session ${id} belongs to ${record.owner}: to change it needs the role operator for application ${record.application}, and ` +
      `${caller.name} has ${grantsText(caller.grants ?? [])} (docs/security.md, 37.4): ask its owner or an operator`,
  );
}

function ownedBy(
  { applications }: Pick<CoreState, "applications">,
  { ownerId, application: name }: SessionEntry["record"],
): Owned {
  const labels = applications.find(name)?.spec.labels ?? [];
  return { owner: ownerId, application: { name, labels } };
}

/** One that is not there is told so by the command itself. */
function mayUseApplication({ applications }: CoreState, caller: Caller, name: string): void {
  const found = applications.find(name);
  if (found === undefined) return;
  const application = { name, labels: found.spec.labels };
  const action = `to create a session of application ${name}`;
  requireRole(caller, { action, roles: ["user"], application, rule: "37.5" });
}

/** Of one that is there, its own labels count and not those that it would have. */
function mayChangeApplication(
  { applications }: CoreState,
  caller: Caller,
  { name, spec }: Application,
): void {
  const labels = (applications.find(name)?.spec ?? spec)?.labels ?? [];
  const action = `to change application ${name}`;
  requireRole(caller, { action, roles: ["operator"], application: { name, labels }, rule: "37.5" });
}
