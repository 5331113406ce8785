import { readFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { Piece, PieceHead } from "./object-store.ts";
import { describePiece, pieceOf, pieceOfDescription } from "./piece-file.ts";

/**
 * A small piece in a log (docs/object-cache.md, section 6): eight letters, length and CRC-32 of the description (uint32 LE
 * each), the JSON description, then the bytes.
 */
const LETTERS = Buffer.from("FLMREC01", "latin1");
const HEAD_BYTES = LETTERS.length + 8;

/** A record as it is written. */
export interface SmallRecord {
  readonly piece: Piece;
  readonly parts: readonly Buffer[];
  /** Where in the record the bytes of the piece begin. */
  readonly dataOffset: number;
  /** Of the whole record. Unit: bytes. */
  readonly bytes: number;
}

/** A record as it was found. */
export interface FoundRecord {
  readonly key: string;
  readonly piece: Piece;
  /** Where in the file the bytes of the piece begin. */
  readonly at: number;
  /** They lie in the memory of the whole file. */
  readonly data: Buffer;
  /** Of the whole record. Unit: bytes. */
  readonly bytes: number;
}

export function recordOf(of: PieceHead, data: Buffer): SmallRecord {
  const crc = crc32(data);
  const description = describePiece(of, data.length, crc);
  const head = Buffer.alloc(HEAD_BYTES);
  LETTERS.copy(head);
  head.writeUInt32LE(description.length, LETTERS.length);
  head.writeUInt32LE(crc32(description), LETTERS.length + 4);
  const dataOffset = HEAD_BYTES + description.length;
  return {
    piece: pieceOf(of, data.length, crc),
    parts: [head, description, data],
    dataOffset,
    bytes: dataOffset + data.length,
  };
}

/** What a log has. */
export interface FoundRecords {
  readonly records: FoundRecord[];
  /** Where the first thing begins that is no whole record; the log's end when all of it is. */
  readonly soundBytes: number;
  /** Reading ended at a damaged head, and there may be whole records behind it: an object may have such bytes, too. */
  readonly mayHaveMore: boolean;
  readonly fileBytes: number;
}

/** Reads a log; a record whose bytes are not what was written is left out. */
export async function readRecords(path: string): Promise<FoundRecords> {
  const file = await readFile(path);
  const records: FoundRecord[] = [];
  let firstDamage: number | undefined;
  let at = 0;
  for (;;) {
    const found = recordAt(file, at);
    if (found === undefined) break;
    const isSound = crc32(found.data) === found.piece.crc32;
    if (isSound) records.push(found);
    else firstDamage ??= at;
    at += found.bytes;
  }
  const mayHaveMore = file.includes(LETTERS, at + 1);
  return { records, soundBytes: firstDamage ?? at, mayHaveMore, fileBytes: file.length };
}

function recordAt(file: Buffer, start: number): FoundRecord | undefined {
  const head = file.subarray(start, start + HEAD_BYTES);
  if (head.length < HEAD_BYTES || !head.subarray(0, LETTERS.length).equals(LETTERS)) {
    return undefined;
  }
  const at = start + HEAD_BYTES + head.readUInt32LE(LETTERS.length);
  const description = file.subarray(start + HEAD_BYTES, at);
  if (crc32(description) !== head.readUInt32LE(LETTERS.length + 4)) return undefined;
  const found = pieceOfDescription(description);
  if (found === undefined) return undefined;
  const data = file.subarray(at, at + found.piece.size);
  if (data.length < found.piece.size) return undefined;
  return { ...found, at, data, bytes: at - start + data.length };
}
