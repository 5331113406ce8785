import { type Metadata, status } from "@grpc/grpc-js";
import { proxyText } from "../config/grpc-proxy.ts";
import { type ErrorCode, FlameError } from "../model/errors.ts";
import { readRetryDelay } from "../protocol/retry-info.ts";

const codes: Partial<Record<number, ErrorCode>> = {
  [status.INVALID_ARGUMENT]: "invalid_argument",
  [status.DEADLINE_EXCEEDED]: "deadline_exceeded",
  [status.NOT_FOUND]: "not_found",
  [status.ALREADY_EXISTS]: "already_exists",
  [status.PERMISSION_DENIED]: "permission_denied",
  [status.RESOURCE_EXHAUSTED]: "resource_exhausted",
  [status.FAILED_PRECONDITION]: "invalid_state",
  [status.ABORTED]: "aborted",
  // The published server's word for a message above its receive limit.
  [status.OUT_OF_RANGE]: "resource_exhausted",
  [status.UNIMPLEMENTED]: "unimplemented",
  [status.UNAVAILABLE]: "unavailable",
  [status.UNAUTHENTICATED]: "unauthenticated",
};

/** How the library sometimes reports a connection that broke inside a call. */
const brokenConnection = /^Received RST_STREAM|^Connection dropped|ECONNRESET/;

/** What is read of grpc's ServiceError. */
export interface RpcFailure {
  readonly code?: number;
  readonly details?: string;
  readonly message: string;
  /** Trailing metadata. */
  readonly metadata?: Metadata;
}

/** What the library says around the reason why there is no connection. */
const connectionNoise =
  /^No connection established\. Last error: (?:Error: )?(.*?)\.? Resolution note: (.*)$/s;

/** Failures that a proxy between client and server may be the cause of. */
const mayBeOfProxy: ReadonlySet<number | undefined> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
]);

/**
 * The text of a failed call: why there is no connection, such as `connect ECONNREFUSED 127.0.0.1:8080`, without what
 * the library says around it.
 * @param host that was called: its proxy is named where it may be the cause
 */
export function failureText(error: RpcFailure, host: string): string {
  const text = error.details === undefined || error.details === "" ? error.message : error.details;
  return `${withoutNoise(text)}${mayBeOfProxy.has(error.code) ? proxyText(host) : ""}`;
}

function withoutNoise(text: string): string {
  const [, reason, note] = connectionNoise.exec(text) ?? [];
  if (reason === undefined) return text;
  // The library gives no reason when a proxy is away or refuses.
  if (reason === "undefined") return "no connection";
  return note === undefined || note === "" ? reason : `${reason} (${note})`;
}

/** Our code for a gRPC status code. */
export function codeOfStatus(code: number = status.INTERNAL): ErrorCode {
  return codes[code] ?? "internal";
}

/**
 * The FlameError of a failed call; its text is the server's own.
 * @param host that was called
 */
export function fromRpcError(error: RpcFailure, host: string): FlameError {
  const text = failureText(error, host);
  // This SDK never cancels a call that is waited for: a cancelled one was cut off by a server that stopped.
  if (error.code === status.CANCELLED || brokenConnection.test(text)) {
    return new FlameError("unavailable", `the connection broke: ${text}`, { cause: error });
  }
  const retryAfterMs = readRetryDelay(error.metadata);
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new FlameError(codeOfStatus(error.code), text, { cause: error, ...retry });
}

/**
 * The FlameError of a `Result` below zero: its kind is read off the words that the contract fixes
 * (docs/protocol.md, "Applications").
 */
export function fromResult(message: string): FlameError {
  if (/already exists/i.test(message)) return new FlameError("already_exists", message);
  if (/not found/i.test(message)) return new FlameError("not_found", message);
  if (/open sessions?/i.test(message)) return new FlameError("invalid_state", message);
  return new FlameError("invalid_argument", message);
}

/** What fails because its client was closed. */
export function closedError(): FlameError {
  return new FlameError("unavailable", "the client was closed");
}
