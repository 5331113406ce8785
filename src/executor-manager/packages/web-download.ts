import { createWriteStream } from "node:fs";
import { get as getHttp, type IncomingMessage } from "node:http";
import { get as getHttps } from "node:https";
import { pipeline } from "node:stream/promises";
import type { Clock } from "../../kit/clock.ts";
import { textOf } from "../../kit/thrown.ts";
import { type ErrorCode, FlameError } from "../../model/errors.ts";

/** Largest file that is fetched, in bytes. */
const FILE_BYTES_MAX = 8 * 1024 ** 3;

const REDIRECTS_MAX = 20;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** How a download is made. */
export interface WebDownloadOptions {
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** So long no byte may come, in milliseconds; connecting counts too. */
  readonly silenceMs: number;
  /**
   * Learns of every piece.
   * @param of how many bytes there are in all, when the server says so
   */
  readonly onBytes?: (bytes: number, of: number | undefined) => void;
}

/**
 * Writes what an `http` or `https` url answers to a file, exactly as the server sends it; redirects are followed. A server that
 * calls an archive `Content-Encoding: gzip` means the file that it has: undone, the file would be another one than the
 * one whose hash is known.
 * @throws FlameError unavailable when another try may help, deadline_exceeded when no byte came for `silenceMs`, else
 *   not_found or invalid_argument with the server's status; resource_exhausted beyond 8 GiB.
 */
export async function downloadFromWeb(
  url: string,
  file: string,
  options: WebDownloadOptions,
): Promise<void> {
  const silence = new Silence(options);
  try {
    const response = await answerTo(new URL(url), silence);
    const length = Number(response.headers["content-length"]);
    const pieces = limited(response, (bytes) => {
      silence.broken();
      options.onBytes?.(bytes, Number.isNaN(length) ? undefined : length);
    });
    await pipeline(pieces, createWriteStream(file), { signal: silence.signal });
  } catch (thrown) {
    if (silence.signal.reason instanceof FlameError) throw silence.signal.reason;
    if (thrown instanceof FlameError) throw thrown;
    throw new FlameError("unavailable", `it broke off: ${textOf(thrown)}`, { cause: thrown });
  } finally {
    silence.end();
  }
}

/** Aborts what goes on for longer without a byte than it may. */
class Silence {
  readonly signal: AbortSignal;
  readonly broken: () => void;
  readonly end: () => void;

  constructor({ clock, signal, silenceMs }: WebDownloadOptions) {
    const over = new AbortController();
    const why = new FlameError("deadline_exceeded", `no byte came for ${silenceMs / 1000} s`);
    const begin = () => clock.after(silenceMs, () => over.abort(why));
    let timer = begin();
    this.signal = AbortSignal.any([signal, over.signal]);
    this.broken = () => {
      timer.cancel();
      timer = begin();
    };
    this.end = () => timer.cancel();
  }
}

/** The first answer that leads nowhere else, if it has a file. */
async function answerTo(from: URL, { signal, broken }: Silence): Promise<IncomingMessage> {
  let url = from;
  for (let redirects = 0; ; redirects++) {
    const response = await request(url, signal);
    broken();
    const { statusCode = 0, statusMessage = "", headers } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    response.destroy();
    const { location } = headers;
    if (!REDIRECTS.has(statusCode) || location === undefined)
      throw new FlameError(codeFor(statusCode), `it answered ${statusCode} ${statusMessage}`);
    if (redirects === REDIRECTS_MAX)
      throw new FlameError("invalid_argument", `it redirects more than ${REDIRECTS_MAX} times`);
    if (!URL.canParse(location, url.href)) throw leadsNowhere(location);
    url = new URL(location, url);
  }
}

function request(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  if (url.protocol !== "http:" && url.protocol !== "https:") throw leadsNowhere(url.href);
  // Identity: a server that would compress on the way is asked not to. An agent of its own leaves no connection open.
  const options = { signal, agent: false, headers: { "accept-encoding": "identity" } };
  return new Promise((resolve, reject) => {
    const made =
      url.protocol === "http:" ? getHttp(url, options, resolve) : getHttps(url, options, resolve);
    made.on("error", (error) => {
      reject(new FlameError("unavailable", textOf(error), { cause: error }));
    });
  });
}

function leadsNowhere(location: string): FlameError {
  return new FlameError(
    "invalid_argument",
    `it redirects to ${JSON.stringify(location)}, expected an http or https url`,
  );
}

function codeFor(status: number): ErrorCode {
  if (status === 404 || status === 410) return "not_found";
  return status >= 500 || status === 429 || status === 408 ? "unavailable" : "invalid_argument";
}

async function* limited(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > FILE_BYTES_MAX)
      throw new FlameError("resource_exhausted", `it has more than ${FILE_BYTES_MAX} bytes`);
    onBytes(bytes);
    yield chunk;
  }
}
