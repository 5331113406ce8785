import { createHash } from "node:crypto";

/** The file in the cache's folder whose content proves that a client reads it (docs/object-cache.md, section 11). */
export const shareFile = "cache.share";

/** What that file says. */
export const shareProof = /^[0-9a-f]{64}$/;

/** Where in the cache's folder clients write what they put. */
export const sharedPutsFolder = "tmp";

/** Where in the cache's folder the files of pieces are. */
export const sharedPiecesFolder = "pieces";

/** Smaller pieces travel in messages: a file costs more than their bytes. Unit: bytes. */
export const sharedBytesMin = 256 * 1024;

/** A put goes in files of this size: the cache copies one while the client writes the next. Unit: bytes. */
export const sharedPieceBytes = 8 * 1024 * 1024;

/** Names of files that clients put. */
export const sharedPutName = /^shared-[0-9a-f]{32}$/;

/** Names of files that clients get. */
export const sharedPieceName = /^[0-9a-f]{64}-\d{1,16}\.(?:base|patch|unsynced)$/;

/** Ends the text of each refusal of a file: nothing was put, and the same may be put as messages. */
export const putAsMessages = "put the object as messages";

/** A file with the bytes of a row, which one side names to the other in the row's place. */
export interface SharedFile {
  readonly file: string;
  /** Unit: bytes. */
  readonly size: number;
  /** Of the bytes, where the one who names them knows it. */
  readonly crc32?: number | undefined;
}

export function encodeSharedFile({ file, size, crc32 }: SharedFile): Buffer {
  return Buffer.from(JSON.stringify({ file, size, crc32 }));
}

/** @returns undefined when it says something else. */
export function decodeSharedFile(metadata: Buffer): SharedFile | undefined {
  const said = parsed(metadata);
  if (typeof said !== "object" || said === null || !("file" in said) || !("size" in said)) {
    return undefined;
  }
  const { file, size } = said;
  if (typeof file !== "string" || typeof size !== "number") return undefined;
  if (!Number.isSafeInteger(size) || size <= 0) return undefined;
  const crc32 = "crc32" in said && typeof said.crc32 === "number" ? said.crc32 : undefined;
  return { file, size, crc32 };
}

/** What a cache says of its folder. */
export interface ShareAnswer {
  readonly folder: string;
  /** Of what {@link shareFile} says: a client that finds other words there sees another folder under that path. */
  readonly sha256: string;
}

/** The answer to FLAME_SHARE. @param said undefined when there is no folder */
export function encodeShareAnswer(said: ShareAnswer | undefined): Buffer {
  return Buffer.from(JSON.stringify({ folder: said?.folder, sha256: said?.sha256 }));
}

/** @returns undefined when it names no folder. */
export function decodeShareAnswer(body: Buffer): ShareAnswer | undefined {
  const said = parsed(body);
  if (typeof said !== "object" || said === null || !("folder" in said) || !("sha256" in said)) {
    return undefined;
  }
  const { folder, sha256 } = said;
  return typeof folder === "string" && typeof sha256 === "string" ? { folder, sha256 } : undefined;
}

/** Of the words of {@link shareFile}: tells nothing of them to who cannot read them. */
export function shareSum(words: string): string {
  return createHash("sha256").update(words).digest("hex");
}

function parsed(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString("utf8"));
  } catch {
    return undefined;
  }
}
