import type { ServerWritableStream } from "@grpc/grpc-js";
import { streamBeneath } from "./call-stream.ts";
import type { Transfer } from "./transfer-budget.ts";

/** Bytes that are read at a time, while the part before them leaves. */
const partBytes = 1024 * 1024;

/**
 * A message whose bytes are read as they leave. The library wants a message whole and copies it behind the prefix of its
 * frame, so a large object would be in memory twice, and most of the time of a get went into filling that memory.
 */
export interface OutgoingMessage {
  readonly prefix: Buffer;
  /** How many bytes come between prefix and suffix. */
  readonly bytes: number;
  readonly suffix: Buffer;
  /** Fills the next part of them. */
  readonly read: (part: Buffer) => Promise<void>;
}

/**
 * Sends it on a call whose last message has left, past the library.
 * @param transfer holds what is in memory of it
 * @returns false when the client has gone away.
 * @throws what reading throws; the client gets a message that is not whole, and then the status of the call.
 */
export async function sendInParts(
  call: Pick<ServerWritableStream<unknown, unknown>, "cancelled" | "destroyed">,
  { prefix, bytes, suffix, read }: OutgoingMessage,
  transfer: Transfer,
): Promise<boolean> {
  const stream = streamBeneath(call);
  const write = (part: Buffer): Promise<boolean> =>
    new Promise((resolve) => {
      stream.write(part, (error) => resolve(error === undefined || error === null));
    });
  if (call.cancelled || call.destroyed) return false;
  const size = Math.min(partBytes, bytes);
  // All that it will ever hold: a refusal comes before anything was sent.
  await transfer.take(2 * size);
  let written = write(framed(prefix, bytes + suffix.length));
  const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)] as const;
  let [next, other] = buffers;
  for (let left = bytes; left > 0; left -= next.length) {
    [next, other] = [other, next];
    const part = next.subarray(0, Math.min(size, left));
    await read(part);
    if (!(await written) || stream.destroyed) return false;
    // Its client reads: the time for what is held begins anew.
    transfer.add(part.length);
    transfer.give(part.length);
    written = write(part);
  }
  if (!(await written)) return false;
  return suffix.length === 0 || (await write(suffix));
}

/** The prefix of a message, behind that of its frame: no compression, and the length. */
function framed(prefix: Buffer, more: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(prefix.length + more, 1);
  return Buffer.concat([head, prefix]);
}
