import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { FlameError } from "../model/errors.ts";
import type { Piece, PieceReader } from "./object-store.ts";

/** Bytes read and summed at a time. */
const SLICE_BYTES = 4 * 1024 * 1024;
/** The same at a start, when many files are read at once. Unit: bytes. */
const CHECK_BYTES = 512 * 1024;

/**
 * Reads all of a piece's file.
 * @throws FlameError internal when its content is not what was written.
 */
export async function checkContent(path: string, piece: Piece): Promise<void> {
  const reader = await FilePieceReader.open(path, piece);
  try {
    const slice = Buffer.allocUnsafe(Math.min(CHECK_BYTES, piece.size));
    for (let left = piece.size; left > 0; left -= slice.length) {
      await reader.read(slice.subarray(0, Math.min(slice.length, left)));
    }
  } finally {
    await reader.close();
  }
}

/** Reads a piece's file; the last byte is handed out only if the checksum of all of them is right. */
export class FilePieceReader implements PieceReader {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #piece: Piece;
  /** Where in the file its bytes begin. */
  readonly #start: number;
  #position = 0;
  #crc = 0;

  private constructor(file: FileHandle, path: string, piece: Piece, start: number) {
    this.#file = file;
    this.#path = path;
    this.#piece = piece;
    this.#start = start;
  }

  static async open(path: string, piece: Piece, start = 0): Promise<FilePieceReader> {
    return new FilePieceReader(await open(path, "r"), path, piece, start);
  }

  async read(target: Buffer): Promise<void> {
    let filled = 0;
    while (filled < target.length) {
      const length = Math.min(
        SLICE_BYTES,
        target.length - filled,
        this.#piece.size - this.#position,
      );
      const at = this.#start + this.#position;
      const { bytesRead } = await this.#file.read(target, filled, length, at);
      if (bytesRead === 0) throw this.#damaged(`it ends at byte ${this.#position}`);
      this.#crc = crc32(target.subarray(filled, filled + bytesRead), this.#crc);
      filled += bytesRead;
      this.#position += bytesRead;
    }
    if (this.#position === this.#piece.size && this.#crc !== this.#piece.crc32) {
      throw this.#damaged("its checksum is wrong");
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #damaged(why: string): FlameError {
    return new FlameError(
      "internal",
      `the file "${this.#path}" of a cached object is damaged: ${why}; put the object again`,
    );
  }
}
