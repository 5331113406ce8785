import type { Caller } from "../model/caller.ts";
import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { formatResources, sameResources } from "../model/resources.ts";
import {
  checkSessionId,
  type SessionRecord,
  type SessionRequest,
  type SessionView,
} from "../model/session.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { removeUnused } from "./application-removal.ts";
import { releaseWaiters } from "./executor-waits.ts";
import type { Handlers } from "./handler.ts";
import { unpin } from "./pins.ts";
import { deleteSession, evictClosed, retire } from "./session-deletion.ts";
import type { CoreState } from "./state.ts";

/** Sessions live long: to ask more often is of no use. */
const retryOpenSessionsMs = 5_000;

/** Sessions: docs/protocol.md, "Sessions". */
export const sessionHandlers: Handlers<
  | "session.create"
  | "session.open"
  | "session.close"
  | "session.delete"
  | "session.get"
  | "session.list"
> = {
  "session.create": (state, turn, { id, request, caller }) => {
    checkSessionId(id);
    if (state.sessions.find(id) !== undefined) {
      throw new FlameError(
        "already_exists",
        `session ${id} already exists; choose another id, or open it`,
      );
    }
    return create(state, turn, id, request, caller);
  },

  "session.open": (state, turn, { id, request, caller }) => {
    const entry = state.sessions.find(id);
    if (entry === undefined && request !== undefined) {
      checkSessionId(id);
      return create(state, turn, id, request, caller);
    }
    const { record } = state.sessions.get(id);
    if (record.state !== "Open") {
      throw new FlameError(
        "invalid_state",
        `session ${id} is not open: it was closed and can not be opened again`,
      );
    }
    if (request !== undefined) compareSpecs(state, record, request);
    return state.sessions.get(id).view();
  },

  "session.close": (state, turn, { id }) => {
    const entry = state.sessions.get(id);
    const wasOpen = entry.record.state === "Open";
    state.sessions.close(turn, entry);
    if (wasOpen) {
      releaseWaiters(state, turn, entry);
      state.deadlines.clear(`bind ${id}`);
      retire(state, entry.record, turn);
      state.scheduleWanted = true;
      evictClosed(state, turn);
      unpin(state, entry.record);
    }
    const view = entry.view();
    if (wasOpen) removeUnused(state, turn, entry.record.application);
    return view;
  },

  "session.delete": (state, turn, { id }) => {
    const entry = state.sessions.get(id);
    const view = entry.view();
    deleteSession(state, turn, entry);
    return view;
  },

  "session.get": (state, _turn, { id }) => state.sessions.get(id).view(),

  "session.list": (state) => [...state.sessions.all()].map((entry) => entry.view()),
};

function create(
  state: CoreState,
  turn: FlameTurn,
  id: string,
  request: SessionRequest,
  caller: Caller,
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
    ...(request.commonData !== undefined && { commonDataBytes: request.commonData.length }),
    events: [],
  };
  const entry: SessionEntry = state.sessions.create(turn, record, request.commonData);
  const view = entry.view();
  state.scheduleWanted = true;
  evictClosed(state, turn);
  return view;
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
  ];
  for (const [field, expected, got, same] of rows) {
    if (same) continue;
    throw new FlameError(
      "invalid_argument",
      `session ${record.id} spec mismatch: ${field} differs (expected ${expected}, got ${got})`,
    );
  }
}
