import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { status } from "@grpc/grpc-js";
import { endWithData, sendTrailersPromptly } from "./prompt-end.ts";

/** What one stream may bring. */
export interface StreamPolicy {
  /** Bytes of a call's whole request; undefined: the limit of a message is all there is. */
  readonly requestBytesMax: (path: string) => number | undefined;
}

/** Probes and tools ask in a few bytes, whoever they are. */
const healthBytesMax = 4 * 1024;
const reflectionBytesMax = 1024 * 1024;
const uncompressed = "identity";
/** A client that does not read has the end of its streams wait; they are looked at again. */
const endLookMs = 50;
const acceptEncoding = "grpc-accept-encoding";

/** The calls that every listener serves to whoever asks. */
export function isHealthCheck(path: string): boolean {
  return path.startsWith("/grpc.health.v1.");
}

/**
 * Looks after one stream before the gRPC library sees it: it is reset as soon as it is answered while its client has not
 * ended it, its last data leave together with its end, and what it may not bring is refused.
 * @returns false when the stream was refused, and is no business of the library's.
 */
export function guardStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  policy: StreamPolicy,
): boolean {
  stream.respond = respondAndReset;
  stream.end = endPromptly;
  stream.sendTrailers = endAndReset;
  const encoding = [headers["grpc-encoding"] ?? uncompressed].flat().join(", ");
  if (encoding !== uncompressed) {
    refuse(
      stream,
      status.UNIMPLEMENTED,
      `compressed messages are not taken here: got grpc-encoding "${encoding}", expected none or "${uncompressed}"; turn the compression of this client off`,
    );
    return false;
  }
  const path = headers[":path"] ?? "";
  const bytesMax = fixedBytesMax(path) ?? policy.requestBytesMax(path);
  if (bytesMax !== undefined) limitRequest(stream, path, bytesMax);
  return true;
}

function fixedBytesMax(path: string): number | undefined {
  if (isHealthCheck(path)) return healthBytesMax;
  return path.startsWith("/grpc.reflection.") ? reflectionBytesMax : undefined;
}

function limitRequest(stream: ServerHttp2Stream, path: string, bytesMax: number): void {
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= bytesMax || stream.closed) return;
    refuse(
      stream,
      status.RESOURCE_EXHAUSTED,
      `the request is too large: ${path} takes ${bytesMax} bytes at most in one call, got ${bytes} and more`,
    );
  });
}

/** Answers with a status alone, and lets nothing of the stream get any further. */
function refuse(stream: ServerHttp2Stream, code: number, text: string): void {
  stream.removeAllListeners("data").removeAllListeners("end");
  // The library listens for errors of those streams only that it sees, and once.
  stream.on("error", () => undefined).resume();
  if (stream.headersSent) {
    stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    return;
  }
  const trailers = { "grpc-status": code, "grpc-message": encodeURI(text) };
  stream.respond({ ":status": 200, "content-type": "application/grpc+proto", ...trailers }, ended);
  stream.respond = () => undefined;
}

const ended = { endStream: true };

function respondAndReset(
  this: ServerHttp2Stream,
  headers?: OutgoingHttpHeaders,
  options?: Parameters<ServerHttp2Stream["respond"]>[1],
): void {
  const sent = { ...headers, [acceptEncoding]: uncompressed };
  prototypeOf(this).respond.call(this, sent, options);
  if (options?.endStream === true) resetUnlessEnded(this);
}

function endPromptly(this: ServerHttp2Stream): ServerHttp2Stream {
  endWithData(this);
  return (prototypeOf(this).end as () => ServerHttp2Stream).call(this);
}

function endAndReset(this: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  sendTrailersPromptly(this, headers);
  resetUnlessEnded(this);
}

/**
 * A stream whose client has not ended it would be kept until that client goes away. Not before its end has left: a reset
 * overtakes what still waits.
 */
function resetUnlessEnded(stream: ServerHttp2Stream): void {
  setImmediate(() => {
    if (stream.destroyed || stream.closed) return;
    const { localClose, remoteClose } = stream.state;
    if (remoteClose === 1) return;
    if (localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR);
    else setTimeout(() => resetUnlessEnded(stream), endLookMs).unref();
  });
}

function prototypeOf(stream: ServerHttp2Stream): ServerHttp2Stream {
  return Object.getPrototypeOf(stream) as ServerHttp2Stream;
}
