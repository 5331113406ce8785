import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { crc32 } from "node:zlib";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import {
  decodeShareAnswer,
  decodeSharedFile,
  encodeSharedFile,
  putAsMessages,
  sharedPieceBytes,
  sharedPieceName,
  sharedPiecesFolder,
  sharedPutsFolder,
  shareFile,
  shareProof,
  shareSum,
} from "../protocol/flight/shared-file.ts";
import { SmallCalls, type SmallPatience } from "./small-calls.ts";

/** A file cannot be used: the same goes through messages. */
export class NotShared extends Error {}

/** What the words of the file have at most, and one byte more. */
const PROOF_BYTES = 65;
/** Bytes read and summed at a time, so that one large object does not hold up everything else. */
const SLICE_BYTES = 4 * 1024 * 1024;
/** A file must be no link, and nobody is waited for at the other end of a pipe. */
const READING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The folder of a cache on this host that runs as this user: large objects go through files in it instead of messages
 * (docs/object-cache.md, section 11), small ones through a socket (section 12).
 */
export class SharedObjects {
  readonly #folder: string;
  /** What the file says that this user alone can read. */
  readonly proof: string;

  /** Undefined where the cache offers no socket. */
  readonly small: SmallCalls | undefined;

  private constructor(folder: string, proof: string, small: SmallCalls | undefined) {
    this.#folder = folder;
    this.proof = proof;
    this.small = small;
  }

  /**
   * @param answer of the cache to FLAME_SHARE
   * @param patience of small calls
   * @returns undefined when the cache has no folder, or it is on another host or of another user.
   */
  static async open(answer: Buffer, patience: SmallPatience): Promise<SharedObjects | undefined> {
    const said = decodeShareAnswer(answer);
    if (said === undefined) return undefined;
    const { folder } = said;
    try {
      const proof = await readPlain(join(folder, shareFile), async (file, found) => {
        const words = Buffer.alloc(PROOF_BYTES);
        const { bytesRead } = await file.read(words, 0, PROOF_BYTES, 0);
        const isPrivate = (found.mode & 0o077) === 0;
        return isPrivate ? words.toString("latin1", 0, bytesRead) : "";
      });
      // Another folder under the same path, as in a container, is that of another cache.
      if (!shareProof.test(proof) || shareSum(proof) !== said.sha256) return undefined;
      return new SharedObjects(folder, proof, await SmallCalls.connected(folder, patience));
    } catch {
      return undefined;
    }
  }

  /**
   * Writes files for the cache to take, each while it copies the one before, and removes what it did not take.
   * @param put names them to the cache, by the descriptions that come one by one; one that throws NotShared says that a file
   * cannot be written: nothing is to be put then.
   */
  async put<T>(data: Buffer, put: (descriptions: AsyncIterable<Buffer>) => Promise<T>): Promise<T> {
    const paths: string[] = [];
    try {
      return await put(this.#written(data, paths));
    } finally {
      for (const path of paths) await rm(path, { force: true }).catch(() => undefined);
    }
  }

  async *#written(data: Buffer, paths: string[]): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < data.length; at += sharedPieceBytes) {
      const name = `shared-${randomBytes(16).toString("hex")}`;
      const path = join(this.#folder, sharedPutsFolder, name);
      paths.push(path);
      const part = data.subarray(at, at + sharedPieceBytes);
      await write(path, part);
      yield encodeSharedFile({ file: name, size: part.length });
    }
  }

  /**
   * Reads the file that the cache named instead of the bytes of a row.
   * @throws NotShared when there is no such file any more, or it is none of an object.
   */
  async read(description: Buffer): Promise<Buffer> {
    const said = decodeSharedFile(description);
    if (said === undefined || !sharedPieceName.test(said.file)) {
      throw new NotShared(
        `the cache described a file as ${JSON.stringify(description.toString())}`,
      );
    }
    const { file: name, size } = said;
    let sum = 0;
    return await readPlain(join(this.#folder, sharedPiecesFolder, name), async (file, found) => {
      // Behind the bytes of a piece is always its description.
      if (found.size <= size) throw new NotShared(`"${name}" is no object of ${size} bytes`);
      const bytes = Buffer.allocUnsafeSlow(size);
      for (let at = 0; at < size; ) {
        const length = Math.min(SLICE_BYTES, size - at);
        const { bytesRead } = await file.read(bytes, at, length, at);
        if (bytesRead === 0) throw new NotShared(`"${name}" ended at byte ${at}`);
        sum = crc32(bytes.subarray(at, at + bytesRead), sum);
        at += bytesRead;
      }
      // The cache reads it, too, and says what is the matter with it.
      if (sum !== said.crc32) throw new NotShared(`"${name}" is damaged`);
      return bytes;
    });
  }
}

/** Whether a put was refused for its file, so that the same goes as messages. */
export function isFileRefused(thrown: unknown): boolean {
  const { code, message } = FlameError.from(thrown);
  return code === "invalid_argument" && message.includes(putAsMessages);
}

async function write(path: string, data: Buffer): Promise<void> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(data);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    throw new NotShared(textOf(thrown));
  }
}

/** Opens a plain file of this user; of what was opened, not of the name, which may be another file by now. */
async function readPlain<T>(
  path: string,
  read: (file: FileHandle, found: Stats) => Promise<T>,
): Promise<T> {
  try {
    const file = await open(path, READING);
    try {
      const found = await file.stat();
      if (!found.isFile() || found.uid !== process.geteuid?.()) {
        throw new NotShared(`${path} is no file of our own cache`);
      }
      return await read(file, found);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (codeOf(thrown) === undefined) throw thrown;
    throw new NotShared(textOf(thrown));
  }
}
