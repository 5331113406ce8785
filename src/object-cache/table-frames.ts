import type { PieceReader, PieceWriter } from "./object-store.ts";

/**
 * The bytes of a table's piece: its IPC messages as they came, the schema first, each as
 * header length (uint32 LE), body length (uint64 LE), header, body.
 */
const PREFIX_BYTES = 12;

/** Appends one IPC message. */
export async function appendFrame(
  writer: PieceWriter,
  header: Buffer,
  body: Buffer,
): Promise<void> {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32LE(header.length, 0);
  prefix.writeBigUInt64LE(BigInt(body.length), 4);
  await writer.append(Buffer.concat([prefix, header]));
  if (body.length > 0) await writer.append(body);
}

/** The header of the next message, and how many bytes of body follow it. */
export interface FrameHead {
  readonly header: Buffer;
  readonly bodyBytes: number;
  /** Of prefix, header and body. */
  readonly frameBytes: number;
}

/** Reads up to the body of the next message; the caller reads the body. */
export async function readFrameHead(reader: PieceReader): Promise<FrameHead> {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  await reader.read(prefix);
  const header = Buffer.alloc(prefix.readUInt32LE(0));
  await reader.read(header);
  const bodyBytes = Number(prefix.readBigUInt64LE(4));
  return { header, bodyBytes, frameBytes: PREFIX_BYTES + header.length + bodyBytes };
}
