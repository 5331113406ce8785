import type { PayloadKind } from "../storage/store.ts";

/**
 * What an entry takes beside its bytes: buffer and place in the map. Measured on Node 20: 134 bytes of heap each with
 * 200,000 entries of 100 bytes; what V8 and malloc keep in reserve is not in it.
 */
const entryOverheadBytes = 140;

/** Payloads up to this size share pieces of memory, in bytes: each on its own costs more to make than to copy. */
const sharedBytesMax = 2 * 1024;
const sharedPieceBytes = 32 * 1024;

/** Payloads by session, and by task and kind. */
interface Generation {
  readonly sessions: Map<string, Map<number, Buffer>>;
  bytes: number;
}

/**
 * The newest payload bytes of tasks, bounded in bytes, what each entry takes included. When the younger half is full, the
 * older half is dropped as a whole: a Map walks over all that was deleted before to find its first entry, so dropping the
 * oldest one by one took a third of the time of the session manager.
 */
export class PayloadCache {
  readonly #halfMax: number;
  #young: Generation = { sessions: new Map(), bytes: 0 };
  #old: Generation = { sessions: new Map(), bytes: 0 };
  #piece = Buffer.alloc(0);
  #pieceUsed = 0;

  /** @param bytesMax of all payloads; one that takes more than half of it is not kept */
  constructor(bytesMax: number) {
    this.#halfMax = bytesMax / 2;
  }

  get(sessionId: string, taskId: number, kind: PayloadKind): Buffer | undefined {
    const key = keyOf(taskId, kind);
    return (
      this.#young.sessions.get(sessionId)?.get(key) ?? this.#old.sessions.get(sessionId)?.get(key)
    );
  }

  put(sessionId: string, taskId: number, kind: PayloadKind, payload: Buffer): void {
    const key = keyOf(taskId, kind);
    // A session's name may be used again.
    for (const { sessions } of [this.#young, this.#old]) sessions.get(sessionId)?.delete(key);
    const bytes = payload.length + entryOverheadBytes;
    if (bytes > this.#halfMax) return;
    if (this.#young.bytes + bytes > this.#halfMax) {
      this.#old = this.#young;
      this.#young = { sessions: new Map(), bytes: 0 };
    }
    const { sessions } = this.#young;
    let payloads = sessions.get(sessionId);
    if (payloads === undefined) {
      payloads = new Map();
      sessions.set(sessionId, payloads);
    }
    this.#young.bytes += bytes;
    payloads.set(key, this.#ownBytes(payload));
  }

  /** A few bytes of a large piece of memory, such as what came off the wire at once, would keep all of it. */
  #ownBytes(payload: Buffer): Buffer {
    const { length } = payload;
    if (length > sharedBytesMax) {
      if (payload.buffer.byteLength <= 2 * length) return payload;
      return Buffer.from(new Uint8Array(payload).buffer);
    }
    if (this.#pieceUsed + length > this.#piece.length) {
      this.#piece = Buffer.allocUnsafeSlow(sharedPieceBytes);
      this.#pieceUsed = 0;
    }
    const own = this.#piece.subarray(this.#pieceUsed, this.#pieceUsed + length);
    payload.copy(own);
    this.#pieceUsed += length;
    return own;
  }
}

function keyOf(taskId: number, kind: PayloadKind): number {
  return kind === "input" ? 2 * taskId : 2 * taskId + 1;
}
