import type { ServerWritableStream } from "@grpc/grpc-js";
import { streamBeneath } from "./call-stream.ts";
import type { Transfer } from "./transfer-budget.ts";

/** Bytes that are read at a time, while the part before them leaves. */
const partBytes = 1024 * 1024;

/**
 * A message whose bytes are read as they leave. The library wants a message whole and copies it behind the prefix of its
 * frame, so a large object would be in memory twice, and most of the time of a get went into filling that memory.
 */
export interface OutgoingMessage {
  readonly prefix: Buffer;
  /** How many bytes come between prefix and suffix. */
  readonly bytes: number;
  readonly suffix: Buffer;
  /** Fills the next part of them. */
  readonly read: (part: Buffer) => Promise<void>;
}

/** Sends such messages of one call, past the library: bytes are read while those before them leave. */
export class PartSender {
  readonly #call: Pick<ServerWritableStream<unknown, unknown>, "cancelled" | "destroyed">;
  readonly #transfer: Transfer;
  /** The first one was filled last, and may be leaving. */
  #parts: readonly [Buffer, Buffer] | undefined;
  /** Whether the last write was taken; only then may its part be filled anew. */
  #written: Promise<boolean> = Promise.resolve(true);

  /** @param transfer holds what is in memory of the messages */
  constructor(
    call: Pick<ServerWritableStream<unknown, unknown>, "cancelled" | "destroyed">,
    transfer: Transfer,
  ) {
    this.#call = call;
    this.#transfer = transfer;
  }

  /** What this needs as long as the call lasts. Unit: bytes. */
  get held(): number {
    const [part, other] = this.#parts ?? [];
    return (part?.length ?? 0) + (other?.length ?? 0);
  }

  /**
   * Sends one when all messages before it have left or were sent here. Its end may not have left yet.
   * @returns false when the client has gone away.
   * @throws what reading throws; the client gets a message that is not whole, and then the status of the call.
   */
  async send({ prefix, bytes, suffix, read }: OutgoingMessage): Promise<boolean> {
    if (this.#call.cancelled || this.#call.destroyed) return false;
    const stream = streamBeneath(this.#call);
    const write = (part: Buffer): void => {
      this.#written = new Promise((resolve) => {
        stream.write(part, (error) => resolve(error === undefined || error === null));
      });
    };
    let [next, other] = this.#parts ?? (await this.#room());
    let head: Buffer | undefined = framed(prefix, bytes + suffix.length);
    for (let left = bytes; left > 0; ) {
      [next, other] = [other, next];
      this.#parts = [next, other];
      const part = next.subarray(0, left);
      await read(part);
      if (!(await this.#written) || stream.destroyed) return false;
      // Its client reads: the time for what is held begins anew.
      this.#transfer.add(part.length);
      this.#transfer.give(part.length);
      if (head !== undefined) stream.write(head, () => undefined);
      head = undefined;
      write(part);
      left -= part.length;
    }
    if (suffix.length > 0) write(suffix);
    return true;
  }

  /** Waits until all has left. @returns false when the client has gone away. */
  async sent(): Promise<boolean> {
    return await this.#written;
  }

  /** All that it will ever hold: a refusal comes before anything was sent. */
  async #room(): Promise<readonly [Buffer, Buffer]> {
    await this.#transfer.take(2 * partBytes);
    return [Buffer.allocUnsafeSlow(partBytes), Buffer.allocUnsafeSlow(partBytes)];
  }
}

/** The prefix of a message, behind that of its frame: no compression, and the length. */
function framed(prefix: Buffer, more: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(prefix.length + more, 1);
  return Buffer.concat([head, prefix]);
}
