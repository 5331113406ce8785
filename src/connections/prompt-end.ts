import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";

/**
 * A stream's last data and its trailers in one write. Node sends trailers one round of I/O after the data, in a write of
 * their own. A client that drops a stream at its last message then resets what the server has not ended yet, and Node's
 * HTTP/2 library answers some thousand such resets by ending the connection. Node 20 has no setting for either, so this
 * reaches into its streams; where they are not as expected, trailers leave as Node sends them.
 */

/** What is used of Node's native stream. */
interface NativeStream {
  trailers(headers: readonly [text: string, count: number]): number;
}

/** Whose streams are known. */
const formIsKnown = process.versions.node.startsWith("20.");
/** In a stream's flags: it waits for trailers, and so does not look whether its last data are the last. */
const waitsForTrailers = 0x20;

/**
 * Tells a stream, just before it is ended, that the data written in this very moment are its last: it asks for its trailers
 * as it sends them.
 */
export function endWithData(stream: ServerHttp2Stream): void {
  if (!formIsKnown || stream.writableLength === 0) return;
  const state = hiddenOf(stream, "state");
  if (isState(state)) state.flags &= ~waitsForTrailers;
}

/**
 * Sends trailers in the write that carries the end of the data. To be called while `wantTrailers` is emitted: only then
 * the library still gathers what it will write.
 */
export function sendTrailersPromptly(
  stream: ServerHttp2Stream,
  headers: OutgoingHttpHeaders,
): void {
  // Checks them, and marks them as sent.
  (Object.getPrototypeOf(stream) as ServerHttp2Stream).sendTrailers.call(stream, headers);
  const native = formIsKnown ? hiddenOf(stream, "kHandle") : undefined;
  if (!isNativeStream(native)) return;
  const result = native.trailers(nativeHeaders(headers));
  // Node's own, later call finds them sent.
  native.trailers = () => result;
}

/** Node's own keys, which are the same in every stream. */
const keys = new Map<string, symbol>();

function hiddenOf(stream: ServerHttp2Stream, description: "state" | "kHandle"): unknown {
  const key = keys.get(description) ?? findKey(stream, description);
  return key && (stream as unknown as Record<symbol, unknown>)[key];
}

function findKey(stream: ServerHttp2Stream, description: string): symbol | undefined {
  const key = Object.getOwnPropertySymbols(stream).find((one) => one.description === description);
  if (key !== undefined) keys.set(description, key);
  return key;
}

function isState(value: unknown): value is { flags: number } {
  return (
    typeof value === "object" &&
    value !== null &&
    "flags" in value &&
    typeof value.flags === "number"
  );
}

function isNativeStream(value: unknown): value is NativeStream {
  return (
    typeof value === "object" &&
    value !== null &&
    "trailers" in value &&
    typeof value.trailers === "function"
  );
}

/** Name, value and flags of each, ended by NUL. */
function nativeHeaders(headers: OutgoingHttpHeaders): readonly [string, number] {
  let text = "";
  let count = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    for (const one of [value].flat()) {
      text += `${name.toLowerCase()}\0${one}\0\0`;
      count++;
    }
  }
  return [text, count];
}
