import type { Metadata } from "@grpc/grpc-js";
import type { NewSessionOwner } from "../../core/commands.ts";
import { FlameError } from "../../model/errors.ts";
import { checkInstances } from "../../model/instances.ts";
import { messageBytesDefault, payloadBytesMax } from "../../model/limits.ts";
import { packagesFault } from "../../model/package-list.ts";
import { checkedResources } from "../../model/resources.ts";
import type { SessionRequest, SessionView } from "../../model/session.ts";
import { clientIdOf, endsWithClient } from "../../protocol/client-id.ts";
import type { FrontendServer } from "../../protocol/generated/flame/v1/frontend.ts";
import type { Session, SessionSpec } from "../../protocol/generated/flame/v1/types.ts";
import { sessionToWire } from "../../protocol/record-wire.ts";
import { callerOf } from "../../security/authentication.ts";
import { doorOf, requiredField, unary } from "../calls/call-helpers.ts";
import type { HeldCall, ReplyHold } from "../calls/reply-hold.ts";
import { replyRoom } from "../calls/reply-size.ts";
import type { Engine } from "../engine/engine.ts";
import type { EngineDoor } from "../engine/engine-door.ts";
import type { Payloads } from "../engine/payloads.ts";
import type { StoreCleaner } from "../storage/store-cleaner.ts";
import type { ListSizes } from "./list-sizes.ts";

type SessionCalls = Pick<
  FrontendServer,
  "createSession" | "openSession" | "closeSession" | "deleteSession" | "getSession" | "listSession"
>;

/** The session calls of the Frontend: docs/protocol.md, "Sessions". */
export function sessionCalls(deps: {
  readonly engine: Engine;
  readonly payloads: Payloads;
  readonly replies: ReplyHold;
  readonly sizes: ListSizes;
  readonly cleaner: StoreCleaner;
}): SessionCalls {
  const { engine, payloads, replies, sizes, cleaner } = deps;
  const { without, whole, wholeFor } = wholeSessions(payloads, replies);
  return {
    createSession: unary(async ({ sessionId: id, session }, call) => {
      const spec = requiredField(session, "the session spec", "CreateSession");
      const request = requestOf(spec, call.metadata);
      const door = doorOf(engine, call);
      await checkFitsOneBind(door, request);
      await cleaner.gone(id);
      const view = await door.ask("session.create", { id, request, ...ownerOf(call) });
      return sessionToWire(view, request.commonData);
    }),

    openSession: unary(async ({ sessionId: id, session }, call) => {
      const request = session === undefined ? undefined : requestOf(session, call.metadata);
      const door = doorOf(engine, call);
      if (request !== undefined) {
        await checkFitsOneBind(door, request);
        await cleaner.gone(id);
      }
      const input = { id, ...(request !== undefined && { request }), ...ownerOf(call) };
      return wholeFor(call, await door.ask("session.open", input), true);
    }),

    closeSession: unary(async ({ sessionId: id }, call) =>
      wholeFor(call, await doorOf(engine, call).ask("session.close", { id }), true),
    ),

    // The record is gone when the reply is made: its common data are not read again.
    deleteSession: unary(async ({ sessionId: id }, call) =>
      sessionToWire(await doorOf(engine, call).ask("session.delete", { id }), undefined),
    ),

    getSession: unary(async ({ sessionId: id }, call) =>
      wholeFor(call, await doorOf(engine, call).ask("session.get", { id }), false),
    ),

    listSession: unary(async (_request, call) => {
      const room = replyRoom(call.metadata);
      await replies.take(call, sizes.sessions(room), { wait: false });
      const views = await doorOf(engine, call).ask("session.list", {});
      const bytes = views.reduce((sum, { record }) => sum + (record.commonDataBytes ?? 0), 0);
      return { sessions: bytes <= room ? await whole(views) : views.map(without) };
    }),
  };
}

/** Sessions as replies show them. */
function wholeSessions(
  payloads: Payloads,
  replies: ReplyHold,
): {
  /** Without its common data. */
  readonly without: (view: SessionView) => Session;
  /** With their common data, one read for all; without those that were deleted meanwhile. */
  readonly whole: (views: readonly SessionView[]) => Promise<Session[]>;
  /** One when the client has room for it; what has changed something waits for that, and is not refused. */
  readonly wholeFor: (call: HeldCall, view: SessionView, wait: boolean) => Promise<Session>;
} {
  const without = (view: SessionView): Session =>
    sessionToWire(view, undefined, payloads.forgotten(view.record.id));
  const whole = async (views: readonly SessionView[]): Promise<Session[]> => {
    const read = await payloads.commonData(views.map(({ record }) => record));
    return views.flatMap((view, at) => {
      const data = read[at];
      // Without its common data it would look as if it had none.
      if (data === "gone") return [];
      return [sessionToWire(view, data, payloads.forgotten(view.record.id))];
    });
  };
  const wholeFor = async (call: HeldCall, view: SessionView, wait: boolean): Promise<Session> => {
    const bytes = view.record.commonDataBytes ?? 0;
    if (!replies.isSmall(bytes)) await replies.take(call, bytes, { wait });
    const [session] = await whole([view]);
    if (session !== undefined) return session;
    const { id } = view.record;
    throw new FlameError("not_found", `session ${id} not found: it has been deleted`);
  };
  return { without, whole, wholeFor };
}

function ownerOf(call: Parameters<typeof callerOf>[0]): NewSessionOwner {
  const client = endsWithClient(call.metadata);
  return { caller: callerOf(call), ...(client !== undefined && { client }) };
}

function requestOf(spec: SessionSpec, metadata: Metadata): SessionRequest {
  // The published session manager takes any bounds, and programs of its clients are to go on: why such a session waits is told.
  if (clientIdOf(metadata) !== undefined) checkInstances(spec);
  return {
    application: spec.application,
    ...(spec.resreq !== undefined && { resreq: checkedResources(spec.resreq, "resreq") }),
    minInstances: spec.minInstances,
    ...(spec.maxInstances !== undefined && { maxInstances: spec.maxInstances }),
    priority: spec.priority,
    ...(spec.commonData !== undefined && { commonData: spec.commonData }),
    ...checkedPackages(spec.packages?.entries ?? []),
  };
}

function checkedPackages(packages: readonly string[]): Pick<SessionRequest, "packages"> {
  const fault = packagesFault(packages);
  if (fault !== undefined) throw new FlameError("invalid_argument", fault);
  return packages.length === 0 ? {} : { packages };
}

/** The node gets application and session in one message; what can never be sent is refused here. */
async function checkFitsOneBind(door: EngineDoor, request: SessionRequest): Promise<void> {
  const bytes = request.commonData?.length ?? 0;
  if (bytes > payloadBytesMax) throw tooLarge(bytes, payloadBytesMax);
  // Only large common data can fail this: the common case asks nothing more.
  if (bytes < messageBytesDefault / 4) return;
  const application = await door
    .ask("application.get", { name: request.application })
    .catch(() => undefined);
  const specBytes =
    application === undefined ? 0 : 2 * Buffer.byteLength(JSON.stringify(application.spec));
  const room = messageBytesDefault - 16 * 1024 - specBytes;
  if (bytes > room) throw tooLarge(bytes, room);
}

function tooLarge(bytes: number, bytesMax: number): FlameError {
  return new FlameError(
    "resource_exhausted",
    `common_data has ${bytes} bytes, at most ${bytesMax} fit; put the object into the cache and send its reference`,
  );
}
