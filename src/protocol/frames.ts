import { type Encoder, encoded } from "./encoded.ts";

/** No message may be larger, in bytes: far more than any payload (docs/protocol.md, "Limits"). */
export const FRAME_BYTES_MAX = 256 * 1024 * 1024;

const LENGTH_BYTES = 4;

/** What came is no message behind its length. */
export class FrameError extends Error {}

/** A message behind its length, as it travels between an executor manager and its services (docs/protocol.md, "Streams"). */
export function frameOf<T>(encoder: Encoder<T>, message: T): Buffer {
  const frame = encoded(encoder, message, LENGTH_BYTES);
  frame.writeUInt32BE(frame.length - LENGTH_BYTES);
  return frame;
}

/** Finds the messages in what a connection gives, piece by piece. */
export class FrameReader {
  /** What came of the next frame, when it was not all of it. */
  #pieces: Buffer[] = [];
  #bytes = 0;
  readonly #bytesMax: number;
  /** So many bytes are to be there before there is anything to do. */
  #due = LENGTH_BYTES;

  /** @param bytesMax of a message. @default {@link FRAME_BYTES_MAX} */
  constructor(bytesMax = FRAME_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Calls `take` with each message that is complete by now.
   * @throws FrameError when one is larger than may be, and whatever `take` throws.
   */
  read(chunk: Buffer, take: (message: Buffer) => void): void {
    this.#bytes += chunk.length;
    if (this.#bytes < this.#due) {
      this.#pieces.push(chunk);
      return;
    }
    const all = this.#pieces.length === 0 ? chunk : Buffer.concat([...this.#pieces, chunk]);
    this.#pieces = [];
    this.#bytes = 0;
    const rest = this.#takeFrom(all, take);
    if (rest < all.length) {
      this.#pieces.push(all.subarray(rest));
      this.#bytes = all.length - rest;
    }
  }

  #takeFrom(all: Buffer, take: (message: Buffer) => void): number {
    let at = 0;
    for (;;) {
      this.#due = LENGTH_BYTES;
      if (all.length - at < LENGTH_BYTES) return at;
      const length = all.readUInt32BE(at);
      if (length > this.#bytesMax)
        throw new FrameError(
          `a message of ${length} bytes (expected at most ${this.#bytesMax}, behind 4 bytes that say its length)`,
        );
      this.#due = LENGTH_BYTES + length;
      if (all.length - at < this.#due) return at;
      const from = at + LENGTH_BYTES;
      at += this.#due;
      take(all.subarray(from, at));
    }
  }
}
