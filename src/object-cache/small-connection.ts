import type { Socket } from "node:net";
import { FrameReader } from "../protocol/frames.ts";
import {
  decodeSmallRequest,
  type SmallAnswer,
  type SmallRequest,
  smallAnswerFrame,
  smallRequestBytesMax,
} from "../protocol/small-calls.ts";

/** Requests of one client that are carried out at the same time. */
const AT_ONCE = 64;
/** Beyond so much that a client has not read nothing more is done for it. Unit: bytes. */
const UNREAD_MAX = 1024 * 1024;

/** One client of the small door: requests in any number, answers in the order in which they are ready. */
export class SmallConnection {
  readonly #socket: Socket;
  readonly #answer: (request: SmallRequest) => Promise<SmallAnswer>;
  readonly #frames = new FrameReader(smallRequestBytesMax);
  readonly #waiting: SmallRequest[] = [];
  #running = 0;
  #isCorked = false;

  /** @param answer never rejects */
  constructor(socket: Socket, answer: (request: SmallRequest) => Promise<SmallAnswer>) {
    this.#socket = socket;
    this.#answer = answer;
    // Its end is what counts.
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("drain", () => this.#goOn());
  }

  #take(chunk: Buffer): void {
    try {
      this.#frames.read(chunk, (message) => {
        const request = decodeSmallRequest(message);
        if (request === undefined) throw new Error("no request");
        this.#waiting.push(request);
      });
    } catch {
      // No client of ours: there is no word that it would understand.
      this.#socket.destroy();
      return;
    }
    this.#goOn();
  }

  #goOn(): void {
    while (this.#running < AT_ONCE && this.#socket.writableLength < UNREAD_MAX) {
      const request = this.#waiting.shift();
      if (request === undefined) {
        this.#socket.resume();
        return;
      }
      this.#running++;
      void this.#answer(request).then((answer) => {
        this.#running--;
        this.#send(smallAnswerFrame(request.number, answer));
        this.#goOn();
      });
    }
    // What is read already waits; the rest waits at the client.
    if (this.#waiting.length > 0) this.#socket.pause();
  }

  /** Answers that are ready in one round of I/O leave together. */
  #send(frame: Buffer): void {
    if (this.#socket.destroyed) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(frame);
  }
}
