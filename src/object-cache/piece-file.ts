import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { FlameError } from "../model/errors.ts";
import type { Piece, PieceHead } from "./object-store.ts";

/**
 * A stored piece is one file: its bytes from the beginning, then a trailer (docs/object-cache.md, section 6):
 * JSON description, its length and CRC-32 (uint32 LE each), and eight letters that name the layout. A file that was
 * cut short lacks the letters; one that was changed fails a sum.
 */
const LAYOUT = Buffer.from("FLMOBJ01", "latin1");
const TAIL_BYTES = 8 + LAYOUT.length;
/** The description holds a key and a few numbers. Unit: bytes. */
const DESCRIPTION_BYTES_MAX = 64 * 1024;

const HASH_LETTERS = 64;
const FILE_NAME = /^(?<hash>[0-9a-f]{64})-(?<version>\d{1,16})\.(?<kind>base|patch|unsynced)$/;
/** In the place of the kind, so that of a file whose content is lost its name tells that this was to be expected. */
const UNSYNCED = "unsynced";

/** The file of a piece: the key's hash, since keys may hold what file names may not. */
export function pieceFileName({ key, version, kind, durable }: PieceHead): string {
  return `${hashOf(key)}-${version}.${durable ? kind : UNSYNCED}`;
}

/** Whether a piece was acknowledged without a sync, by its name. */
export function isUnsynced(id: string): boolean {
  return id.endsWith(`.${UNSYNCED}`);
}

/** Tells of keys whether any of the files is theirs. */
export function filesAmong(names: Iterable<string>): (key: string) => boolean {
  const hashes = new Set(Array.from(names, (name) => name.slice(0, HASH_LETTERS)));
  return (key) => hashes.has(hashOf(key));
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

export function isPieceFileName(name: string): boolean {
  return FILE_NAME.test(name);
}

/** What is kept of a piece beside its bytes, as JSON. */
export function describePiece(head: PieceHead, size: number, crc: number): Buffer {
  const { key, kind, format, version } = head;
  // Only what is not durable says so: earlier versions said nothing.
  const durable = head.durable ? undefined : false;
  return Buffer.from(JSON.stringify({ key, kind, format, version, size, crc32: crc, durable }));
}

/** The piece that a draft becomes. */
export function pieceOf(head: PieceHead, size: number, crc: number): Piece {
  const { kind, format, version, durable } = head;
  return { id: pieceFileName(head), kind, format, version, size, crc32: crc, durable };
}

/** @returns undefined when it describes none. */
export function pieceOfDescription(
  description: Buffer,
): { readonly key: string; readonly piece: Piece } | undefined {
  const said: unknown = JSON.parse(description.toString("utf8"));
  if (!isDescription(said)) return undefined;
  const head = { ...said, durable: said.durable ?? true };
  return { key: said.key, piece: pieceOf(head, said.size, said.crc32) };
}

/** What follows the bytes of a piece. */
export function trailerOf(head: PieceHead, size: number, crc: number): Buffer {
  const description = describePiece(head, size, crc);
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(description.length, 0);
  numbers.writeUInt32LE(crc32(description), 4);
  return Buffer.concat([description, numbers, LAYOUT]);
}

/** A piece with the key it belongs to. */
export interface DescribedPiece {
  readonly key: string;
  readonly piece: Piece;
  /** Of the whole file. Unit: bytes. */
  readonly fileBytes: number;
}

/**
 * Reads the description of a file.
 * @throws FlameError internal saying why the file is not a whole piece of this layout.
 */
export async function readDescription(path: string, name: string): Promise<DescribedPiece> {
  const file = await open(path, "r");
  try {
    const { size: fileBytes } = await file.stat();
    const description = await readTrailer(file, fileBytes);
    const { key, piece } = parseDescription(description, name);
    const expected = fileBytes - TAIL_BYTES - description.length;
    if (piece.size !== expected) {
      throw damaged(`it describes ${piece.size} bytes and holds ${expected}`);
    }
    return { key, piece, fileBytes };
  } finally {
    await file.close();
  }
}

async function readTrailer(file: FileHandle, fileBytes: number): Promise<Buffer> {
  if (fileBytes < TAIL_BYTES) throw damaged(`it has ${fileBytes} bytes and no trailer`);
  const tail = await readAt(file, fileBytes - TAIL_BYTES, TAIL_BYTES);
  if (!tail.subarray(8).equals(LAYOUT)) throw damaged(`it does not end with ${LAYOUT.toString()}`);
  const length = tail.readUInt32LE(0);
  if (length > Math.min(DESCRIPTION_BYTES_MAX, fileBytes - TAIL_BYTES)) {
    throw damaged(`its trailer says ${length} bytes of description`);
  }
  const description = await readAt(file, fileBytes - TAIL_BYTES - length, length);
  if (crc32(description) !== tail.readUInt32LE(4)) {
    throw damaged("the checksum of its description is wrong");
  }
  return description;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  if (bytesRead !== length) throw damaged(`it ends at byte ${position + bytesRead}`);
  return bytes;
}

function parseDescription(
  description: Buffer,
  name: string,
): { readonly key: string; readonly piece: Piece } {
  const found = pieceOfDescription(description);
  if (found === undefined) throw damaged("its description lacks a field");
  if (found.piece.id !== name) {
    const { version } = found.piece;
    throw damaged(
      `it describes version ${version} of ${JSON.stringify(found.key)}, its name another one`,
    );
  }
  return found;
}

interface Description extends Omit<PieceHead, "durable"> {
  readonly size: number;
  readonly crc32: number;
  readonly durable?: boolean;
}

function isDescription(value: unknown): value is Description {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Partial<Record<keyof Description, unknown>>;
  return (
    typeof fields.key === "string" &&
    (fields.kind === "base" || fields.kind === "patch") &&
    (fields.format === "opaque" || fields.format === "table") &&
    (fields.durable === undefined || typeof fields.durable === "boolean") &&
    [fields.version, fields.size, fields.crc32].every((n) => Number.isSafeInteger(n))
  );
}

function damaged(why: string): FlameError {
  return new FlameError("internal", why);
}
