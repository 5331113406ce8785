import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { Header, Pax } from "tar";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { ArchiveRules, unpackLimits } from "./archive-rules.ts";
import type { PackedFile } from "./folder-contents.ts";

/** An archive as it was written. */
export interface WrittenArchive {
  readonly bytes: number;
  /** In lower-case hex. */
  readonly sha256: string;
}

const BLOCK_BYTES = 512;
/** How many files a refusal for size names. */
const NAMED_FILES_MAX = 3;

/**
 * Writes files into a new `.tar.gz`, byte by byte the same for the same files in the same order: no times, no owners.
 * What whoever unpacks it would refuse is refused here.
 * @param bytesMax that the archive may have
 * @throws FlameError resource_exhausted for what is too large, aborted when a file changes meanwhile
 */
export async function writeArchive(
  files: readonly PackedFile[],
  target: string,
  bytesMax: number,
): Promise<WrittenArchive> {
  const unpacked = files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (unpacked > unpackLimits.bytes)
    throw tooLarge(files, `${unpacked} bytes`, `${unpackLimits.bytes} bytes unpacked`);
  const hash = createHash("sha256");
  const counted = { bytes: 0 };
  const meter = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      counted.bytes += chunk.length;
      if (counted.bytes > bytesMax)
        throw tooLarge(files, `more than ${bytesMax} bytes packed`, `${bytesMax} bytes packed`);
      yield measured(hash, chunk);
    }
  };
  await pipeline(tarOf(files), createGzip(), meter, createWriteStream(target, { flags: "wx" }));
  checkAsUnpacked(files, unpacked, counted.bytes);
  return { bytes: counted.bytes, sha256: hash.digest("hex") };
}

function measured(hash: Hash, chunk: Buffer): Buffer {
  hash.update(chunk);
  return chunk;
}

async function* tarOf(files: readonly PackedFile[]): AsyncGenerator<Buffer> {
  for (const file of files) {
    yield* headerOf(file);
    yield* contentOf(file);
    yield Buffer.alloc(-file.bytes & (BLOCK_BYTES - 1));
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

function* headerOf({ name, bytes, mode }: PackedFile): Generator<Buffer> {
  const nobody = { uid: 0, gid: 0, uname: "", gname: "", mtime: new Date(0) };
  const block = Buffer.alloc(BLOCK_BYTES);
  const header = new Header({ path: name, size: bytes, mode, type: "File", ...nobody });
  // Long names and other letters than ASCII have no place in it.
  if (header.encode(block)) yield new Pax({ path: name }).encode();
  yield block;
}

async function* contentOf({ path, bytes }: PackedFile): AsyncGenerator<Buffer> {
  if (bytes === 0) return;
  let read = 0;
  const chunks: AsyncIterable<Buffer> = createReadStream(path);
  try {
    for await (const chunk of chunks) {
      read += chunk.length;
      if (read > bytes) break;
      yield chunk;
    }
  } catch (cause) {
    throw new FlameError("invalid_argument", `cannot read ${path}: ${textOf(cause)}`, { cause });
  }
  if (read !== bytes) {
    const text = `${path} changed while it was packed: it had ${bytes} bytes; try again when nothing writes to it`;
    throw new FlameError("aborted", text);
  }
}

function checkAsUnpacked(files: readonly PackedFile[], unpacked: number, packed: number): void {
  const rules = new ArchiveRules(packed, unpackLimits);
  rules.expand(unpacked);
  for (const { name, mode } of files) rules.check({ path: name, kind: "file", mode });
}

function tooLarge(files: readonly PackedFile[], got: string, max: string): FlameError {
  const largest = [...files].sort((a, b) => b.bytes - a.bytes).slice(0, NAMED_FILES_MAX);
  const named = largest.map(({ name, bytes }) => `${name} (${bytes} bytes)`).join(", ");
  return new FlameError(
    "resource_exhausted",
    `the package has ${got}, at most ${max} are possible: leave out what is no part of the program; the largest are ${named}`,
  );
}
