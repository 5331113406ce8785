import type { ClientReadableStream } from "@grpc/grpc-js";
import type { Clock } from "../kit/clock.ts";

/** A server that does not end a stream after its last reply within this time has it cancelled. */
const endGraceMs = 1_000;

/** Replies held for a reader before the stream is told to wait. */
const heldMax = 64;

/**
 * The replies of a server stream, one at a time. Node's own iterator destroys a stream that is left early, which
 * makes an error of every watch.
 */
export class ReplyQueue<Reply> {
  readonly #stream: ClientReadableStream<Reply>;
  #held: Reply[] = [];
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(stream: ClientReadableStream<Reply>) {
    this.#stream = stream;
    stream.on("data", (reply: Reply) => {
      this.#held.push(reply);
      if (this.#held.length >= heldMax) stream.pause();
      this.#wake();
    });
    stream.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    // Also after the reader has left: a cancellation arrives as an error that nobody waits for.
    stream.on("error", (failure) => {
      this.#failure ??= failure;
      this.#wake();
    });
  }

  /** The next reply; undefined when the stream has ended with OK. Throws the stream's error. */
  async next(): Promise<Reply | undefined> {
    for (;;) {
      const reply = this.#held.shift();
      if (reply !== undefined) {
        if (this.#held.length === 0) this.#stream.resume();
        return reply;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Leaves the end to the server, which has sent its last reply; cancels only when it does not come. */
  expectEnd(clock: Clock): void {
    if (this.#ended || this.#failure !== undefined) return;
    const timer = clock.after(endGraceMs, () => this.#stream.cancel());
    this.#wake = () => {
      if (this.#ended || this.#failure !== undefined) timer.cancel();
    };
    this.#stream.resume();
  }
}
