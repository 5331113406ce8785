import { keptBytesMax } from "./large-buffers.ts";

/** What the memory above a store may hold. */
export interface MemoryCacheLimits {
  /** `lru` makes room for the newest by dropping what was not used longest; `none` keeps what came first. */
  readonly policy: "lru" | "none";
  readonly bytesMax: number;
  /** @default no limit */
  readonly piecesMax?: number | undefined;
}

/** A piece may take at most this part of the memory: one big object does not push out everything else. */
const SHARE_MAX = 1 / 16;
/** Below this size a view would keep a much larger buffer alive, so it is copied. Unit: bytes. */
const COPIED_BELOW_BYTES = 64 * 1024;

/** The pieces used last, in memory. Losing one costs a read from the store, nothing else. */
export class MemoryCache {
  readonly #limits: MemoryCacheLimits;
  // A Map keeps the order of insertion: the first key is the one not used longest.
  readonly #pieces = new Map<string, Buffer>();
  #bytes = 0;

  constructor(limits: MemoryCacheLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(id: string): Buffer | undefined {
    const bytes = this.#pieces.get(id);
    if (bytes === undefined) return undefined;
    this.#pieces.delete(id);
    this.#pieces.set(id, bytes);
    return bytes;
  }

  /** Keeps the bytes of a piece, when the limits allow it. They must not change afterwards. */
  add(id: string, bytes: Buffer): void {
    const { bytesMax, piecesMax = Number.POSITIVE_INFINITY, policy } = this.#limits;
    if (bytes.length > Math.min(keptBytesMax, bytesMax * SHARE_MAX) || this.#pieces.has(id)) return;
    const isFull = (): boolean =>
      this.#bytes + bytes.length > bytesMax || this.#pieces.size + 1 > piecesMax;
    if (policy === "none" && isFull()) return;
    while (isFull()) {
      const oldest = this.#pieces.keys().next();
      if (oldest.done === true) return;
      this.forget(oldest.value);
    }
    this.#pieces.set(id, compact(bytes));
    this.#bytes += bytes.length;
  }

  forget(id: string): void {
    this.#bytes -= this.#pieces.get(id)?.length ?? 0;
    this.#pieces.delete(id);
  }
}

/** The same bytes, not sharing a larger buffer when they are few. */
export function compact(bytes: Buffer): Buffer {
  if (bytes.length >= COPIED_BELOW_BYTES) return bytes;
  const copy = Buffer.alloc(bytes.length);
  bytes.copy(copy);
  return copy;
}
