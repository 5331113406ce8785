import type { TaskKey } from "../../model/task.ts";
import type { PayloadKind } from "../../storage/store.ts";

/**
 * What an entry takes beside its bytes: buffer and place in the map. Measured on Node 20: 134 bytes of heap each with
 * 200,000 entries of 100 bytes; what V8 and malloc keep in reserve is not in it.
 */
const entryOverheadBytes = 140;

/** Payloads up to this size share pieces of memory, in bytes: each on its own costs more to make than to copy. */
const sharedBytesMax = 2 * 1024;
const sharedPieceBytes = 32 * 1024;

/** Payloads of one session, by task and kind. */
interface SessionPayloads {
  /** The earliest creation of its tasks: those of an earlier session of that id were made before. */
  since: number;
  readonly payloads: Map<number, Buffer>;
}

interface Generation {
  readonly sessions: Map<string, SessionPayloads>;
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

  get(task: TaskKey, kind: PayloadKind): Buffer | undefined {
    return foundIn(this.#young, task, kind) ?? foundIn(this.#old, task, kind);
  }

  /** The session was deleted: its id may be used again. */
  drop(sessionId: string): void {
    // What they take counts until their generation goes.
    this.#young.sessions.delete(sessionId);
    this.#old.sessions.delete(sessionId);
  }

  put({ sessionId, id, creationTime }: TaskKey, kind: PayloadKind, payload: Buffer): void {
    const key = keyOf(id, kind);
    for (const { sessions } of [this.#young, this.#old])
      sessions.get(sessionId)?.payloads.delete(key);
    const bytes = payload.length + entryOverheadBytes;
    if (bytes > this.#halfMax) return;
    if (this.#young.bytes + bytes > this.#halfMax) {
      this.#old = this.#young;
      this.#young = { sessions: new Map(), bytes: 0 };
    }
    const { sessions } = this.#young;
    let session = sessions.get(sessionId);
    if (session === undefined) {
      session = { since: creationTime, payloads: new Map() };
      sessions.set(sessionId, session);
    } else if (creationTime < session.since) session.since = creationTime;
    this.#young.bytes += bytes;
    session.payloads.set(key, this.#ownBytes(payload));
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

function foundIn(
  { sessions }: Generation,
  { sessionId, id, creationTime }: TaskKey,
  kind: PayloadKind,
): Buffer | undefined {
  const session = sessions.get(sessionId);
  if (session === undefined || creationTime < session.since) return undefined;
  return session.payloads.get(keyOf(id, kind));
}

function keyOf(taskId: number, kind: PayloadKind): number {
  return kind === "input" ? 2 * taskId : 2 * taskId + 1;
}
