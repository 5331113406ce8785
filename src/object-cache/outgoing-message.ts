/// <reference lib="es2024.arraybuffer" />
import type { SerializedMessage } from "../protocol/flight/flight-definition.ts";
import { giveBack } from "./large-buffers.ts";

/** Above the size from which every allocation is a mapping of its own, that goes back to the system at once. Unit: bytes. */
const PART_BYTES = 64 * 1024 * 1024;

/**
 * A message on its way out. The library copies what a serializer returns behind a prefix of five bytes, so a buffer
 * with a large object would be there twice. This one lies in parts, each of which is given back as soon as it is copied.
 */
export class OutgoingMessage implements SerializedMessage {
  readonly byteLength: number;
  readonly #prefix: Buffer;
  readonly #parts: readonly Buffer[];
  readonly #suffix: Buffer;
  #sent: Buffer | undefined;

  /** @param bytes how many of {@link fill} come between prefix and suffix. */
  constructor(prefix: Buffer, bytes: number, suffix: Buffer = Buffer.alloc(0)) {
    this.byteLength = prefix.length + bytes + suffix.length;
    this.#prefix = prefix;
    this.#suffix = suffix;
    const parts: Buffer[] = [];
    for (let left = bytes; left > 0; left -= PART_BYTES) {
      parts.push(partOf(Math.min(left, PART_BYTES)));
    }
    this.#parts = parts;
  }

  /** Hands over the parts between prefix and suffix, in order, to be filled. */
  async fill(write: (part: Buffer) => Promise<void>): Promise<void> {
    for (const part of this.#parts) await write(part);
  }

  /** Called by the library, once, with the buffer that goes to the socket: the name and the signature are those of Buffer. */
  copy(target: Buffer, targetStart: number): number {
    let at = targetStart + this.#prefix.copy(target, targetStart);
    for (const part of this.#parts) {
      at += part.copy(target, at);
      resizable(part)?.resize(0);
    }
    at += this.#suffix.copy(target, at);
    this.#sent = target;
    return at - targetStart;
  }

  /** Frees what went to the socket. Only for a message that was written to its end. */
  giveBack(): void {
    if (this.#sent !== undefined) giveBack(this.#sent);
    this.#sent = undefined;
  }
}

/** A resizable buffer is the one kind whose memory can be freed at once, without the collector. */
function partOf(bytes: number): Buffer {
  if (bytes < PART_BYTES) return Buffer.allocUnsafe(bytes);
  return Buffer.from(new ArrayBuffer(bytes, { maxByteLength: bytes }), 0, bytes);
}

function resizable(part: Buffer): ArrayBuffer | undefined {
  const { buffer } = part;
  return buffer instanceof ArrayBuffer && buffer.resizable ? buffer : undefined;
}
