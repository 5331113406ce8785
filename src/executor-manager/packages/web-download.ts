import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { textOf } from "../../kit/thrown.ts";
import { type ErrorCode, FlameError } from "../../model/errors.ts";

/** Largest file that is fetched, in bytes. */
const FILE_BYTES_MAX = 8 * 1024 ** 3;

/**
 * Writes what an `http` or `https` url answers to a file; redirects are followed.
 * @throws FlameError unavailable when another try may help, else not_found or invalid_argument with the server's status;
 *   resource_exhausted beyond 8 GiB.
 */
export async function downloadFromWeb(
  url: string,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (thrown) {
    const { cause } = thrown as { cause?: unknown };
    throw new FlameError("unavailable", cause === undefined ? textOf(thrown) : textOf(cause), {
      cause: thrown,
    });
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new FlameError(
      codeFor(response.status),
      `it answered ${response.status} ${response.statusText}`,
    );
  }
  try {
    await pipeline(limited(response.body), createWriteStream(file));
  } catch (thrown) {
    if (thrown instanceof FlameError) throw thrown;
    throw new FlameError("unavailable", `it broke off: ${textOf(thrown)}`, { cause: thrown });
  }
}

function codeFor(status: number): ErrorCode {
  if (status === 404 || status === 410) return "not_found";
  return status >= 500 || status === 429 || status === 408 ? "unavailable" : "invalid_argument";
}

async function* limited(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > FILE_BYTES_MAX)
      throw new FlameError("resource_exhausted", `it has more than ${FILE_BYTES_MAX} bytes`);
    yield chunk;
  }
}
