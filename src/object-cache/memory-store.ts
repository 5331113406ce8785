import { crc32 } from "node:zlib";
import { FlameError } from "../model/errors.ts";
import { DeletedVersions } from "./deleted-versions.ts";
import { compact } from "./memory-cache.ts";
import type {
  Deletion,
  ObjectStore,
  Piece,
  PieceHead,
  PieceReader,
  PieceWriter,
  StoredObject,
} from "./object-store.ts";

/** What a store without a folder may hold. */
export interface MemoryStoreLimits {
  readonly bytesMax: number;
  /** @default no limit */
  readonly piecesMax?: number | undefined;
}

/** `cache.storage: none`: everything is gone with the process, and nothing is dropped silently before. */
export class MemoryStore implements ObjectStore {
  readonly place = "memory";
  readonly #limits: MemoryStoreLimits;
  readonly #pieces = new Map<string, readonly Buffer[]>();
  readonly #deleted = new DeletedVersions();
  #usedBytes = 0;

  constructor(limits: MemoryStoreLimits) {
    this.#limits = limits;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  async load(): Promise<StoredObject[]> {
    return [];
  }

  create(durable: boolean): PieceWriter {
    const chunks: Buffer[] = [];
    let size = 0;
    let crc = 0;
    const giveBack = (): void => {
      this.#usedBytes -= size;
      size = 0;
    };
    return {
      get size() {
        return size;
      },
      append: async (chunk) => {
        this.#reserve(chunk.length);
        size += chunk.length;
        crc = crc32(chunk, crc);
        chunks.push(compact(chunk));
      },
      commit: async (draft) => {
        const piece = this.#keep({ ...draft, durable }, chunks, size, crc);
        size = 0;
        return piece;
      },
      abort: async () => giveBack(),
    };
  }

  async open(piece: Piece): Promise<PieceReader> {
    return readerOf(this.#pieces.get(piece.id) ?? [], piece);
  }

  lastDeletedVersion(key: string): number {
    return this.#deleted.last(key);
  }

  wasDeleted(key: string): boolean {
    return this.#deleted.has(key);
  }

  async recordDeletions(deletions: readonly Deletion[]): Promise<void> {
    this.#deleted.add(deletions);
  }

  async discard(pieces: readonly Piece[]): Promise<void> {
    for (const piece of pieces) {
      if (this.#pieces.delete(piece.id)) this.#usedBytes -= piece.size;
    }
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  #keep(head: PieceHead, chunks: readonly Buffer[], size: number, crc: number): Piece {
    const { piecesMax = Number.POSITIVE_INFINITY } = this.#limits;
    if (this.#pieces.size + 1 > piecesMax) {
      throw full(`${this.#pieces.size} objects, cache.eviction.max_objects allows ${piecesMax}`);
    }
    const { key, kind, version } = head;
    const id = `${key}:${version}.${kind}`;
    const { format, durable } = head;
    const piece: Piece = { id, kind, format, version, size, crc32: crc, durable };
    this.#pieces.set(piece.id, [...chunks]);
    return piece;
  }

  #reserve(bytes: number): void {
    const { bytesMax } = this.#limits;
    if (this.#usedBytes + bytes > bytesMax) {
      throw full(
        `${this.#usedBytes} bytes, ${bytes} more pass cache.eviction.max_memory of ${bytesMax}`,
      );
    }
    this.#usedBytes += bytes;
  }
}

/** Reads chunks one after the other. */
export function readerOf(chunks: readonly Buffer[], piece: Piece): PieceReader {
  let index = 0;
  let offset = 0;
  return {
    read: async (target) => {
      let filled = 0;
      while (filled < target.length) {
        const chunk = chunks[index];
        if (chunk === undefined) {
          throw new FlameError("internal", `object piece "${piece.id}" ends before its size`);
        }
        const copied = chunk.copy(target, filled, offset);
        filled += copied;
        offset += copied;
        if (offset === chunk.length) {
          index += 1;
          offset = 0;
        }
      }
    },
    close: async () => undefined,
  };
}

function full(what: string): FlameError {
  return new FlameError(
    "resource_exhausted",
    `the object cache is full: it holds ${what}, and has no folder (cache.storage is none); ` +
      "delete objects, raise the limit, or set cache.storage",
  );
}
