import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { giveBack } from "./large-buffers.ts";
import type { Piece, PieceDraft, PieceWriter } from "./object-store.ts";
import { pieceFileName, pieceOf, trailerOf } from "./piece-file.ts";

/** Bytes written and summed at a time, so that one big object does not hold up everybody else. */
const SLICE_BYTES = 4 * 1024 * 1024;
/**
 * So much written begins its way to the disk while more is being received, so that little is left for the end. Measured with
 * 64 MiB: 44 ms in place of 64, and 8 MiB better than 16. Unit: bytes.
 */
const WRITE_OUT_BYTES = 8 * 1024 * 1024;

/** What a writer needs of its store. */
export interface PieceWriterHost {
  readonly temporaryFolder: string;
  readonly piecesFolder: string;
  /** @throws FlameError resource_exhausted when the store's limit does not hold them. */
  reserve(bytes: number): void;
  release(bytes: number): void;
  /** Makes a renamed file's name durable. */
  syncPieces(): Promise<void>;
  /** Takes over what was reserved for a committed piece. */
  keep(id: string, fileBytes: number): void;
  /** Turns a failure of the file system into one that names the folder and what to do. */
  explain(thrown: unknown): unknown;
}

/** Writes one piece into a temporary file, and renames it into place when it is durable, if it is to be. */
export class FilePieceWriter implements PieceWriter {
  readonly #host: PieceWriterHost;
  readonly #durable: boolean;
  readonly #path: string;
  #file: FileHandle | undefined;
  /** Whether the temporary file may be there. */
  #isThere = false;
  #reserved = 0;
  #size = 0;
  #crc = 0;
  /** Bytes written since the last sync began. */
  #unsynced = 0;
  /** A sync before the last one. The system tells a failure once, so it counts at the end, too. */
  #earlySync: Promise<void> = Promise.resolve();
  #isSyncing = false;

  constructor(host: PieceWriterHost, durable: boolean) {
    this.#host = host;
    this.#durable = durable;
    this.#path = join(host.temporaryFolder, randomUUID());
  }

  get size(): number {
    return this.#size;
  }

  async append(chunk: Buffer): Promise<void> {
    this.#reserve(chunk.length);
    try {
      const file = await this.#open();
      for (let start = 0; start < chunk.length; start += SLICE_BYTES) {
        const slice = chunk.subarray(start, start + SLICE_BYTES);
        this.#crc = crc32(slice, this.#crc);
        await file.writeFile(slice);
        this.#writeOut(file, slice.length);
      }
    } catch (thrown) {
      throw this.#host.explain(thrown);
    }
    this.#size += chunk.length;
    giveBack(chunk);
  }

  async commit(draft: PieceDraft): Promise<Piece> {
    const head = { ...draft, durable: this.#durable };
    const trailer = trailerOf(head, this.#size, this.#crc);
    const name = pieceFileName(head);
    this.#reserve(trailer.length);
    try {
      const file = await this.#open();
      await file.writeFile(trailer);
      await this.#earlySync;
      if (this.#durable) await file.datasync();
      await this.#close();
      await rename(this.#path, join(this.#host.piecesFolder, name));
      this.#isThere = false;
      if (this.#durable) await this.#host.syncPieces();
    } catch (thrown) {
      // What was not acknowledged must not stand beside a later one of the same version.
      if (!this.#isThere) await rm(join(this.#host.piecesFolder, name)).catch(() => undefined);
      throw this.#host.explain(thrown);
    }
    this.#host.keep(name, this.#reserved);
    this.#reserved = 0;
    return pieceOf(head, this.#size, this.#crc);
  }

  async abort(): Promise<void> {
    this.#host.release(this.#reserved);
    this.#reserved = 0;
    await this.#close();
    if (this.#isThere) await rm(this.#path, { force: true });
    this.#isThere = false;
  }

  #reserve(bytes: number): void {
    this.#host.reserve(bytes);
    this.#reserved += bytes;
  }

  #writeOut(file: FileHandle, written: number): void {
    if (!this.#durable) return;
    this.#unsynced += written;
    if (this.#isSyncing || this.#unsynced < WRITE_OUT_BYTES) return;
    this.#unsynced = 0;
    this.#isSyncing = true;
    const before = this.#earlySync;
    this.#earlySync = file.datasync().then(() => before);
    // A failure is heard of when the piece is committed.
    this.#earlySync
      .catch(() => undefined)
      .finally(() => {
        this.#isSyncing = false;
      });
  }

  async #open(): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file;
    this.#isThere = true;
    this.#file = await open(this.#path, "wx", 0o600);
    return this.#file;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    // Waits for a sync that is under way.
    await file?.close();
  }
}
