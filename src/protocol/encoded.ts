import { BinaryWriter } from "@bufbuild/protobuf/wire";

/** After a message of more bytes than this the writer is not kept, and its memory goes with it. */
const keptBytesMax = 4 * 1024 * 1024;

/** What generated code has for each message. */
export interface Encoder<T> {
  encode(message: T, writer: BinaryWriter): BinaryWriter;
}

/**
 * One for all messages: it keeps its memory. A new one grows by doubling, which took twice the memory of a large message, and
 * V8 collects everything for each 64 MiB of it.
 */
let writer = new BinaryWriter();

/**
 * A message as bytes, in memory of its own.
 * @param inFront so many bytes are left before it
 */
export function encoded<T>(encoder: Encoder<T>, message: T, inFront = 0): Buffer {
  const mine = writer;
  // It is whole again only when it has finished.
  writer = new BinaryWriter();
  if (inFront > 0) mine.raw(new Uint8Array(inFront));
  const bytes = encoder.encode(message, mine).finish();
  if (bytes.length <= keptBytesMax) writer = mine;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
