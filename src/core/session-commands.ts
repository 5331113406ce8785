import type { ApplicationRecord } from "../model/application.ts";
import type { Caller } from "../model/caller.ts";
import { FlameError } from "../model/errors.ts";
import { eventCodes, type FlameEvent } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { isFramed } from "../model/frame.ts";
import { formatResources, sameResources } from "../model/resources.ts";
import {
  checkSessionId,
  type SessionRecord,
  type SessionRequest,
  type SessionView,
} from "../model/session.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { Handlers } from "./handler.ts";
import { checkSessionQuota } from "./quotas.ts";
import { closeSession } from "./session-closing.ts";
import { deleteSession, evictClosed } from "./session-deletion.ts";
import { beginUse, shareUse } from "./session-use.ts";
import type { CoreState } from "./state.ts";
import { closedBecause } from "./unused-sessions.ts";

/** Sessions live long: to ask more often is of no use. */
const retryOpenSessionsMs = 5_000;

/** Sessions: docs/protocol.md, "Sessions". */
export const sessionHandlers: Handlers<
  | "session.create"
  | "session.open"
  | "session.close"
  | "session.delete"
  | "session.objectsDeleted"
  | "session.get"
  | "session.list"
  | "client.beat"
> = {
  "session.create": (state, turn, { id, request, caller, client }) => {
    checkSessionId(id);
    if (state.sessions.find(id) !== undefined) {
      throw new FlameError(
        "already_exists",
        `session ${id} already exists; choose another id, or open it`,
      );
    }
    return create(state, turn, { id, request, caller, client });
  },

  "session.open": (state, turn, { id, request, caller, client }) => {
    const entry = state.sessions.find(id);
    if (entry === undefined && request !== undefined) {
      checkSessionId(id);
      return create(state, turn, { id, request, caller, client });
    }
    const found = state.sessions.get(id);
    const { record } = found;
    if (record.state !== "Open") {
      throw new FlameError(
        "invalid_state",
        `session ${id} is not open: ${closedBecause(record) ?? "it was closed"}; a closed session cannot be opened again`,
      );
    }
    if (request !== undefined) compareSpecs(state, record, request);
    shareUse(state, turn, found, client);
    return found.view();
  },

  "session.close": (state, turn, { id }) => {
    const entry = state.sessions.get(id);
    closeSession(state, turn, entry);
    return entry.view();
  },

  "session.delete": (state, turn, { id }) => {
    const entry = state.sessions.get(id);
    const view = entry.view();
    deleteSession(state, turn, entry);
    return view;
  },

  "session.objectsDeleted": (state, turn, { ids }) => {
    state.sessions.noteObjectsDeleted(turn, ids);
    return undefined;
  },

  "session.get": (state, _turn, { id }) => state.sessions.get(id).view(),

  "client.beat": (state, turn, { client }) => {
    state.clients.heard(client, turn.steady);
    return undefined;
  },

  "session.list": (state) => [...state.sessions.all()].map((entry) => entry.view()),
};

interface NewSession {
  readonly id: string;
  readonly request: SessionRequest;
  readonly caller: Caller;
  readonly client: string | undefined;
}

function create(
  state: CoreState,
  turn: FlameTurn,
  { id, request, caller, client }: NewSession,
): SessionView {
  const application = state.applications.find(request.application);
  if (application === undefined) {
    throw new FlameError(
      "not_found",
      `application ${request.application} not found: session ${id} was not created; register the application first`,
    );
  }
  if (application.state === "Disabled") {
    throw new FlameError(
      "invalid_state",
      `application ${application.name} is disabled: it takes no new sessions`,
    );
  }
  checkOpenSessions(state, id);
  const record: SessionRecord = {
    id,
    application: application.name,
    applicationRevision: application.revision,
    state: "Open",
    creationTime: turn.now,
    resreq: request.resreq ?? state.options.resreq,
    minInstances: request.minInstances,
    ...(request.maxInstances !== undefined && { maxInstances: request.maxInstances }),
    priority: request.priority,
    owner: caller.name,
    ...(caller.identity !== undefined && { ownerId: caller.identity.id }),
    ...commonDataFacts(request.commonData),
    ...(client !== undefined && { clients: [client] }),
    ...(request.packages !== undefined && { packages: request.packages }),
    events: firstEvents(application, turn.now),
  };
  checkSessionQuota(state, record);
  // One of that id may be on its way out with an application that was removed.
  const left = state.sessions.leaving.find(id);
  if (left !== undefined) deleteSession(state, turn, left);
  const entry: SessionEntry = state.sessions.create(turn, record, request.commonData);
  beginUse(state, entry, turn.steady);
  const view = entry.view();
  evictClosed(state, turn);
  return view;
}

type CommonDataFacts = Pick<SessionRecord, "commonDataBytes" | "framed">;

function commonDataFacts(data: Buffer | undefined): CommonDataFacts {
  if (data === undefined) return {};
  return { commonDataBytes: data.length, ...(isFramed(data) && { framed: true }) };
}

/** What is known to stand in the session's way from its first moment (docs/protocol.md, "Events"). */
function firstEvents(
  { name, revision, spec: { shim, command = "" } }: ApplicationRecord,
  creationTime: number,
): readonly FlameEvent[] {
  if (shim !== "Host" || command.trim() !== "") return [];
  const message = `application ${name} has no command (revision ${revision}): no service of it can start, so that the tasks of this session stay Pending; give it one (flmctl edit app ${name}) and open another session`;
  return [{ code: eventCodes.applicationWithoutCommand, message, creationTime }];
}

/** @throws FlameError resource_exhausted at `limits.max_open_sessions` */
function checkOpenSessions({ sessions, options }: CoreState, id: string): void {
  const open = sessions.open().size;
  if (open < options.openSessionsMax) return;
  throw new FlameError(
    "resource_exhausted",
    `session ${id} was not created: ${open} sessions are open, at most ${options.openSessionsMax} may be (cluster.limits.max_open_sessions); close some, or try again later`,
    { retryAfterMs: retryOpenSessionsMs },
  );
}

/** docs/protocol.md, "OpenSession": these fields, in this order; common_data and batch_size are not compared. */
function compareSpecs(state: CoreState, record: SessionRecord, request: SessionRequest): void {
  const resreq = request.resreq ?? state.options.resreq;
  const rows: [field: string, expected: string, got: string, same: boolean][] = [
    [
      "application",
      record.application,
      request.application,
      record.application === request.application,
    ],
    [
      "resreq",
      formatResources(record.resreq),
      formatResources(resreq),
      sameResources(record.resreq, resreq),
    ],
    [
      "min_instances",
      String(record.minInstances),
      String(request.minInstances),
      record.minInstances === request.minInstances,
    ],
    [
      "max_instances",
      String(record.maxInstances ?? "unlimited"),
      String(request.maxInstances ?? "unlimited"),
      record.maxInstances === request.maxInstances,
    ],
    [
      "priority",
      String(record.priority),
      String(request.priority),
      record.priority === request.priority,
    ],
    [
      "packages",
      packagesText(record.packages),
      packagesText(request.packages),
      packagesText(record.packages) === packagesText(request.packages),
    ],
  ];
  for (const [field, expected, got, same] of rows) {
    if (same) continue;
    throw new FlameError(
      "invalid_argument",
      `session ${record.id} spec mismatch: ${field} differs (expected ${expected}, got ${got})`,
    );
  }
}

const packagesText = (packages: readonly string[] = []): string =>
  packages.length === 0 ? "none" : packages.join(", ");
