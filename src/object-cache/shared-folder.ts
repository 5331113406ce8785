import { randomBytes, timingSafeEqual } from "node:crypto";
import { constants } from "node:fs";
import {
  type FileHandle,
  lstat,
  open,
  readdir,
  rename,
  rm,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { Clock, Timer } from "../kit/clock.ts";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import {
  decodeSharedFile,
  putAsMessages,
  type SharedFile,
  sharedPutName,
  sharedPutsFolder,
  shareFile,
  shareSum,
} from "../protocol/flight/shared-file.ts";
import { quoted } from "./object-key.ts";
import type { PieceWriter } from "./object-store.ts";

/** Bytes read at a time; as many are being written meanwhile. */
const SLICE_BYTES = 2 * 1024 * 1024;
/** What a file takes in memory while it is copied. Unit: bytes. */
export const sharedCopyBytes = 2 * SLICE_BYTES;

/** Memory for copies that is kept, since taking it anew costs as much as a copy. Unit: slices. */
const SPARE_SLICES = 4;

const NONCE_BYTES = 32;
/** A client that was killed leaves its file; nobody writes one for so long. Unit: milliseconds. */
const LEFT_AFTER_MS = 10 * 60 * 1000;

/**
 * Objects through files instead of messages, for clients that run as the cache's user on its host
 * (docs/object-cache.md, section 11). What a client wrote is copied and never becomes a piece itself: whoever still has
 * the file open could change it.
 */
export class SharedFolder {
  readonly folder: string;
  /** Of the words that prove who reads the folder. */
  readonly sha256: string;
  readonly #nonce: Buffer;
  readonly #spare: Buffer[] = [];

  private constructor(folder: string, nonce: string) {
    this.folder = folder;
    this.sha256 = shareSum(nonce);
    this.#nonce = Buffer.from(nonce);
  }

  /** Makes a new nonce: what clients knew of an earlier run counts no more. */
  static async open(folder: string): Promise<SharedFolder> {
    const nonce = randomBytes(NONCE_BYTES).toString("hex");
    const next = join(folder, sharedPutsFolder, shareFile);
    await rm(next, { force: true });
    await writeFile(next, nonce, { flag: "wx", mode: 0o600 });
    await rename(next, join(folder, shareFile));
    return new SharedFolder(folder, nonce);
  }

  /** Removes, from now on until it is cancelled, what clients left that were killed between their file and their put. */
  keepTidy(clock: Clock): Timer {
    let timer: Timer;
    const again = (): void => {
      timer = clock.after(LEFT_AFTER_MS, () => {
        // What cannot be removed now, nor the next time, goes at the next start.
        void this.#sweep(clock.now()).catch(() => undefined);
        again();
      });
    };
    again();
    return { cancel: () => timer.cancel() };
  }

  /** Whether these are the words of the file that only the cache's user can read. */
  isProof(said: string): boolean {
    const bytes = Buffer.from(said);
    return bytes.length === this.#nonce.length && timingSafeEqual(bytes, this.#nonce);
  }

  /**
   * Copies a client's file into a writer, and removes it.
   * @throws FlameError invalid_argument when the file is none that a client of this user wrote here as a whole.
   */
  async take(said: SharedFile, writer: PieceWriter): Promise<void> {
    const file = await this.#claim(said);
    const slices = [this.#slice(), this.#slice()] as const;
    try {
      await copy(file, said, writer, slices);
    } finally {
      // Gives the memory of the file back, which takes its time: the next one need not wait for that, nor does its client.
      void file
        .close()
        .catch(() => undefined)
        .then(() => this.#keep(slices));
    }
  }

  #slice(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLICE_BYTES);
  }

  /** No read into them is under way: closing the file waited for it. */
  #keep(slices: readonly Buffer[]): void {
    for (const slice of slices) if (this.#spare.length < SPARE_SLICES) this.#spare.push(slice);
  }

  async #claim({ file: name, size }: SharedFile): Promise<FileHandle> {
    if (!sharedPutName.test(name))
      throw refused(name, 'expected a name "shared-" and 32 hex digits');
    const path = join(this.folder, sharedPutsFolder, name);
    const file = await openPlain(path, name);
    try {
      // Of what was opened, not of the name: that may be another file by now.
      const found = await file.stat();
      if (!found.isFile()) throw refused(name, "it is no regular file");
      if (found.uid !== process.getuid?.()) throw refused(name, `it belongs to user ${found.uid}`);
      if (found.nlink !== 1) throw refused(name, `it has ${found.nlink} names`);
      if (found.size !== size) throw refused(name, `it has ${found.size} bytes, said were ${size}`);
      await unlink(path);
      return file;
    } catch (thrown) {
      await file.close();
      throw thrown instanceof FlameError ? thrown : refused(name, textOf(thrown));
    }
  }

  async #sweep(now: number): Promise<void> {
    const folder = join(this.folder, sharedPutsFolder);
    for (const name of await readdir(folder)) {
      if (!sharedPutName.test(name)) continue;
      const path = join(folder, name);
      const { mtimeMs } = await lstat(path).catch(() => ({ mtimeMs: now }));
      if (now - mtimeMs > LEFT_AFTER_MS) await rm(path, { force: true });
    }
  }
}

/** Reads the next slice while one is being written. */
async function copy(
  file: FileHandle,
  said: SharedFile,
  writer: PieceWriter,
  slices: readonly [Buffer, Buffer],
): Promise<void> {
  let [slice, other] = slices;
  const read = async (into: Buffer, position: number): Promise<Buffer> => {
    const length = Math.min(into.length, said.size - position);
    const { bytesRead } = await file.read(into, 0, length, position);
    if (bytesRead === 0) throw refused(said.file, `it ended at byte ${position}`);
    return into.subarray(0, bytesRead);
  };
  let position = 0;
  let reading: Promise<Buffer> | undefined = read(slice, position);
  while (reading !== undefined) {
    const bytes: Buffer = await reading;
    position += bytes.length;
    [slice, other] = [other, slice];
    reading = position < said.size ? read(slice, position) : undefined;
    // Heard of below, or not at all when the writing fails first.
    reading?.catch(() => undefined);
    await writer.append(bytes);
  }
}

/** Follows no link, and waits for nobody at the other end of a pipe. */
async function openPlain(path: string, name: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    const why = codeOf(thrown) === "ENOENT" ? "it is not there" : textOf(thrown);
    throw refused(name, why);
  }
}

/**
 * What a client says of a file.
 * @throws FlameError invalid_argument when it says something else.
 */
export function readSharedFile(metadata: Buffer): SharedFile {
  const said = decodeSharedFile(metadata);
  if (said !== undefined) return said;
  throw new FlameError(
    "invalid_argument",
    `bad description of a file in the shared folder: expected {"file": "shared-...", "size": N}, got ${quoted(metadata.toString("utf8"))}`,
  );
}

function refused(name: string, why: string): FlameError {
  return new FlameError(
    "invalid_argument",
    `the file ${quoted(name)} of the shared folder is not taken: ${why}; ${putAsMessages}`,
  );
}

/** The proof is of another cache, or of an earlier run of this one. */
export function badProof(): FlameError {
  return new FlameError(
    "invalid_argument",
    `the shared folder is another one: flame-share is not what the file cache.share says; ${putAsMessages}`,
  );
}
