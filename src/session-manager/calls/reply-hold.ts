import { FlameError } from "../../model/errors.ts";

/** Smaller replies are not counted: the number of calls bounds them. */
const smallBytes = 4 * 1024;
/** Of large replies that a connection has not read; the first one may be larger. */
const connectionBytesMax = 8 * 1024 * 1024;
const retryAfterMs = 1_000;

/** The call that a reply belongs to; grpc-js tells every end of a call, whatever it was, as `cancelled`. */
export interface HeldCall {
  getPeer(): string;
  readonly cancelled: boolean;
  once(event: "cancelled", listener: () => void): unknown;
}

interface Waiting {
  readonly bytes: number;
  readonly proceed: () => void;
}

/** A connection with large replies. */
interface Reader {
  readonly peer: string;
  held: number;
  /** In the order in which they came. */
  readonly waiting: Set<Waiting>;
}

const nothing = (): void => undefined;

/**
 * Room for large replies between the moment when their bytes are read from the store and the moment when the client has
 * taken them. What a connection does not read is not prepared: it waits as a few words, and costs nobody else anything.
 */
export class ReplyHold {
  readonly #bytesMax: number;
  readonly #readers = new Map<string, Reader>();
  /** Those of them with replies that wait. */
  readonly #short = new Set<Reader>();
  #held = 0;

  /** @param bytesMax of all connections together */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of large replies that clients have not read. */
  get heldBytes(): number {
    return this.#held;
  }

  /** True when there is nothing to wait for. */
  isSmall(bytes: number): boolean {
    return bytes < smallBytes;
  }

  /**
   * Waits until the connection of a call has room for a reply of so many bytes.
   * @param options.wait false: refuses at once when what other connections do not read takes all the room
   * @returns gives the room back; happens by itself when the call ends.
   * @throws FlameError resource_exhausted, or aborted when the call ended meanwhile
   */
  async take(call: HeldCall, bytes: number, options: { wait: boolean }): Promise<() => void> {
    if (this.isSmall(bytes)) return nothing;
    const reader = this.#readerOf(call.getPeer());
    if (reader.waiting.size === 0 && this.#fits(reader, bytes))
      return this.#give(call, reader, bytes);
    if (!options.wait && reader.held === 0) {
      this.#forget(reader);
      throw this.#exhausted(bytes);
    }
    return this.#wait(call, reader, bytes);
  }

  #readerOf(peer: string): Reader {
    const known = this.#readers.get(peer);
    if (known !== undefined) return known;
    const reader: Reader = { peer, held: 0, waiting: new Set() };
    this.#readers.set(peer, reader);
    return reader;
  }

  #fits(reader: Reader, bytes: number): boolean {
    const own = reader.held === 0 || reader.held + bytes <= connectionBytesMax;
    return own && (this.#held === 0 || this.#held + bytes <= this.#bytesMax);
  }

  #give(call: HeldCall, reader: Reader, bytes: number): () => void {
    reader.held += bytes;
    this.#held += bytes;
    let given = false;
    const giveBack = (): void => {
      if (given) return;
      given = true;
      reader.held -= bytes;
      this.#held -= bytes;
      for (const short of [reader, ...this.#short]) this.#proceed(short);
      this.#forget(reader);
    };
    if (call.cancelled) giveBack();
    else call.once("cancelled", giveBack);
    return giveBack;
  }

  #wait(call: HeldCall, reader: Reader, bytes: number): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        bytes,
        proceed: () => {
          resolve(this.#give(call, reader, bytes));
        },
      };
      const withdraw = (): void => {
        if (!reader.waiting.delete(entry)) return;
        if (reader.waiting.size === 0) this.#short.delete(reader);
        this.#proceed(reader);
        this.#forget(reader);
        reject(new FlameError("aborted", "the call has ended"));
      };
      reader.waiting.add(entry);
      this.#short.add(reader);
      if (call.cancelled) withdraw();
      else call.once("cancelled", withdraw);
    });
  }

  #proceed(reader: Reader): void {
    for (const entry of reader.waiting) {
      if (!this.#fits(reader, entry.bytes)) return;
      reader.waiting.delete(entry);
      if (reader.waiting.size === 0) this.#short.delete(reader);
      entry.proceed();
    }
  }

  #forget(reader: Reader): void {
    if (reader.held === 0 && reader.waiting.size === 0) this.#readers.delete(reader.peer);
  }

  #exhausted(bytes: number): FlameError {
    return new FlameError(
      "resource_exhausted",
      `the reply of ${bytes} bytes has to wait: clients have not read ${this.#held} bytes of other replies, at most ${this.#bytesMax} are kept for them (cluster.limits.max_reply_bytes); try again later`,
      { retryAfterMs },
    );
  }
}
