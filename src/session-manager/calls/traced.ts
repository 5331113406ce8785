import {
  Metadata,
  type ServerErrorResponse,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { randomId } from "../../kit/ids.ts";
import type { Logger } from "../../kit/logger.ts";
import { startStopwatch } from "../../kit/stopwatch.ts";
import { type CallIds, callIds } from "../../protocol/call-ids.ts";
import { readPrintable, requestIdKey } from "../../protocol/request-id.ts";
import type { RequestTrail } from "./request-trail.ts";

export interface Tracing {
  readonly logger: Logger;
  readonly trail: RequestTrail;
}

/** Calls that change what stays, and are few: told at level info. Everything else is told at debug. */
const notable = new Set([
  "createSession",
  "closeSession",
  "deleteSession",
  "cancel",
  "registerApplication",
  "updateApplication",
  "unregisterApplication",
  "apply",
  "rollback",
  "remove",
  "registerNode",
  "releaseNode",
]);
/** Their answers carry the id of the request that made the session or the task, as trailing metadata. */
const handsOut = new Set(["bindExecutor", "launchTask"]);

interface Call {
  readonly request?: unknown;
  readonly metadata: Metadata;
}

type Handler = (call: Call, callback?: sendUnaryData<unknown>) => void;

/**
 * The same service, with a log line for each call and one request id through all of its lines: the caller's, else one
 * that is made here. Errors tell it to the caller (docs/protocol.md, "Seen from outside").
 */
export function traced<T extends UntypedServiceImplementation>(service: T, tracing: Tracing): T {
  const handlers = Object.entries(service).map(([rpc, handler]) => [
    rpc,
    trace(rpc, handler as Handler, tracing),
  ]);
  return Object.fromEntries(handlers) as T;
}

function trace(rpc: string, handler: Handler, { logger, trail }: Tracing): Handler {
  const level = notable.has(rpc) ? "info" : "debug";
  return (call, callback) => {
    const given = readPrintable(call.metadata.get(requestIdKey)) ?? randomId();
    if (callback === undefined) {
      logger.debug({ rpc, request: given, ...callIds(call.request, undefined) }, "stream opened");
      handler(call);
      return;
    }
    const elapsed = startStopwatch();
    const answer = (error: Refusal | null, reply: unknown, request: string): void => {
      const fields = { rpc, request, ...callIds(call.request, reply), seconds: elapsed() };
      if (error === null) {
        logger[level](fields, "call answered");
        callback(null, reply, handsOut.has(rpc) ? idMetadata(request) : undefined);
      } else {
        logger[level]({ ...fields, code: error.code, reason: error.details }, "call refused");
        // The library sends these instead of the error's own, which say when to try again.
        callback(error, null, idMetadata(request, error.metadata));
      }
    };
    handler(call, (error, reply) => {
      const ids = callIds(call.request, reply);
      if (error === null) follow(trail, rpc, ids, given);
      if (!handsOut.has(rpc) || ids.session === undefined) {
        answer(error, reply, given);
        return;
      }
      const { session, task } = ids;
      const found = trail.find(session, task);
      if (found !== undefined) answer(error, reply, found);
      // Handed out in the very turn that made it: the answer to its maker is about to leave.
      else setImmediate(() => answer(null, reply, trail.find(session, task) ?? given));
    });
  };
}

function follow(
  trail: RequestTrail,
  rpc: string,
  { session, task }: CallIds,
  requestId: string,
): void {
  if (session === undefined) return;
  if (rpc === "createSession" || rpc === "createTask") trail.made(session, task, requestId);
  else if (rpc === "openSession") trail.opened(session, requestId);
  else if (rpc === "deleteSession") trail.forget(session);
}

type Refusal = Partial<ServerErrorResponse>;

function idMetadata(requestId: string, others?: Metadata): Metadata {
  const metadata = others?.clone() ?? new Metadata();
  metadata.set(requestIdKey, requestId);
  return metadata;
}
