import { MessageChannel } from "node:worker_threads";

/**
 * Pieces above this size are never kept in memory: the system's file cache holds them, and their buffers can be
 * given back as soon as they are written or sent. Unit: bytes.
 */
export const keptBytesMax = 8 * 1024 * 1024;

/**
 * Gives the memory of a large buffer back now. The collector would do so some time later, and by then the buffers of
 * several objects have piled up: one large object after the other would need many times its size. Nobody may use the
 * buffer, or another view of the same memory, afterwards; all of them have the length 0.
 */
export function giveBack(bytes: Buffer): void {
  const { buffer } = bytes;
  if (bytes.length <= keptBytesMax || !(buffer instanceof ArrayBuffer)) return;
  // Transferred memory belongs to the message; closing the channel drops the message, and the memory with it.
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(undefined, [buffer]);
  port1.close();
  port2.close();
}
