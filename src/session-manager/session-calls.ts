import { FlameError } from "../model/errors.ts";
import { messageBytesDefault, payloadBytesMax } from "../model/limits.ts";
import { checkedResources } from "../model/resources.ts";
import type { SessionRequest, SessionView } from "../model/session.ts";
import type { FrontendServer } from "../protocol/generated/flame/v1/frontend.ts";
import type { Session, SessionSpec } from "../protocol/generated/flame/v1/types.ts";
import { sessionToWire } from "../protocol/record-wire.ts";
import { callerOf } from "../security/authentication.ts";
import { requiredField, unary } from "./call-helpers.ts";
import type { Engine } from "./engine.ts";
import type { Payloads } from "./payloads.ts";
import { replyRoom } from "./reply-size.ts";

type SessionCalls = Pick<
  FrontendServer,
  "createSession" | "openSession" | "closeSession" | "deleteSession" | "getSession" | "listSession"
>;

/** The session calls of the Frontend: docs/protocol.md, "Sessions". */
export function sessionCalls(deps: {
  readonly engine: Engine;
  readonly payloads: Payloads;
}): SessionCalls {
  const { engine, payloads } = deps;
  const whole = (view: SessionView): Session =>
    sessionToWire(view, payloads.commonData(view.record));
  return {
    createSession: unary(async ({ sessionId: id, session }, call) => {
      const request = requestOf(requiredField(session, "the session spec", "CreateSession"));
      await checkFitsOneBind(engine, request);
      return whole(await engine.ask("session.create", { id, request, caller: callerOf(call) }));
    }),

    openSession: unary(async ({ sessionId: id, session }, call) => {
      const request = session === undefined ? undefined : requestOf(session);
      if (request !== undefined) await checkFitsOneBind(engine, request);
      const caller = callerOf(call);
      return whole(
        await engine.ask("session.open", { id, ...(request !== undefined && { request }), caller }),
      );
    }),

    closeSession: unary(async ({ sessionId: id }) =>
      whole(await engine.ask("session.close", { id })),
    ),

    // The record is gone when the reply is made: its common data are not read again.
    deleteSession: unary(async ({ sessionId: id }) =>
      sessionToWire(await engine.ask("session.delete", { id }), undefined),
    ),

    getSession: unary(async ({ sessionId: id }) => whole(await engine.ask("session.get", { id }))),

    listSession: unary(async (_request, call) => {
      const views = await engine.ask("session.list", {});
      const bytes = views.reduce((sum, { record }) => sum + (record.commonDataBytes ?? 0), 0);
      const fits = bytes <= replyRoom(call.metadata);
      return {
        sessions: views.map((view) => (fits ? whole(view) : sessionToWire(view, undefined))),
      };
    }),
  };
}

function requestOf(spec: SessionSpec): SessionRequest {
  return {
    application: spec.application,
    ...(spec.resreq !== undefined && { resreq: checkedResources(spec.resreq, "resreq") }),
    minInstances: spec.minInstances,
    ...(spec.maxInstances !== undefined && { maxInstances: spec.maxInstances }),
    priority: spec.priority,
    ...(spec.commonData !== undefined && { commonData: spec.commonData }),
  };
}

/** The node gets application and session in one message; what can never be sent is refused here. */
async function checkFitsOneBind(engine: Engine, request: SessionRequest): Promise<void> {
  const bytes = request.commonData?.length ?? 0;
  if (bytes > payloadBytesMax) throw tooLarge(bytes, payloadBytesMax);
  // Only large common data can fail this: the common case asks nothing more.
  if (bytes < messageBytesDefault / 4) return;
  const application = await engine
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
