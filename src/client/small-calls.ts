import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Clock, Timer } from "../kit/clock.ts";
import { FlameError } from "../model/errors.ts";
import { decodeObjectRef, type ObjectRef } from "../protocol/flight/object-ref.ts";
import { FrameReader } from "../protocol/frames.ts";
import {
  decodeSmallAnswer,
  type SmallAnswer,
  type SmallRequest,
  smallAnswerBytesMax,
  smallPathBytesMax,
  smallRequestFrame,
  smallSocket,
  socketPathBytesMax,
} from "../protocol/small-calls.ts";
import type { ObjectChange } from "./objects-types.ts";

/** How long an answer is waited for. */
export interface SmallPatience {
  readonly clock: Clock;
  readonly callTimeoutMs: number;
  /** Of the cache. */
  readonly host: string;
}

/** A request that has no answer yet. */
interface Waiting {
  readonly answer: (answer: SmallAnswer) => void;
  readonly timer: Timer;
}

const NUMBERS = 2 ** 32;
const byCall: SmallAnswer = { kind: "byCall" };

/**
 * Puts and gets of small objects on the socket in the folder of a cache of this host and user (docs/object-cache.md,
 * section 12). What does not fit, and what had no answer when the connection ended, is left to a call of Arrow Flight.
 */
export class SmallCalls {
  readonly #socket: Socket;
  readonly #patience: SmallPatience;
  readonly #frames = new FrameReader(smallAnswerBytesMax);
  readonly #waiting = new Map<number, Waiting>();
  #number = 0;
  #isCorked = false;
  #isClosing = false;

  private constructor(socket: Socket, patience: SmallPatience) {
    this.#socket = socket;
    this.#patience = patience;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("close", () => this.#end());
    socket.unref();
  }

  /** @returns undefined where the cache offers no socket. */
  static async connected(folder: string, patience: SmallPatience): Promise<SmallCalls | undefined> {
    const path = join(folder, smallSocket);
    if (Buffer.byteLength(path) > socketPathBytesMax) return undefined;
    const socket = connect({ path });
    const isConnected = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      // Its end is what counts, from now on, too.
      socket.on("error", () => resolve(false));
    });
    return isConnected ? new SmallCalls(socket, patience) : undefined;
  }

  /** Whether nothing can be asked here any more. */
  get isEnded(): boolean {
    return this.#isClosing || this.#socket.destroyed || this.#socket.readableEnded;
  }

  /**
   * Puts bytes at a prefix.
   * @returns undefined when a call has to do it; it may have been put all the same, under an id that nobody knows.
   * @throws FlameError deadline_exceeded.
   */
  async put(path: string, data: Buffer, durable: boolean): Promise<ObjectRef | undefined> {
    const answer = await this.#asked(path, (number) => ({
      kind: "put",
      number,
      path,
      durable,
      data,
    }));
    return answer.kind === "put" ? decodeObjectRef(answer.ref) : undefined;
  }

  /**
   * What changed of an object since the version that the caller knows.
   * @returns undefined when a call has to fetch it, or says what is wrong.
   * @throws FlameError deadline_exceeded.
   */
  async fetch(path: string, version: number): Promise<ObjectChange | undefined> {
    if (!Number.isSafeInteger(version) || version < 0) return undefined;
    const answer = await this.#asked(path, (number) => ({ kind: "get", number, path, version }));
    if (answer.kind === "unchanged") return answer;
    return answer.kind === "full" ? { ...answer, patches: [] } : undefined;
  }

  /** Ends the connection when what is under way has its answers. Idempotent. */
  close(): void {
    this.#isClosing = true;
    if (this.#waiting.size === 0) this.#socket.destroy();
  }

  #asked(path: string, request: (number: number) => SmallRequest): Promise<SmallAnswer> {
    if (this.isEnded || Buffer.byteLength(path) > smallPathBytesMax) return Promise.resolve(byCall);
    this.#number = (this.#number + 1) % NUMBERS;
    const number = this.#number;
    const { clock, callTimeoutMs } = this.#patience;
    return new Promise((resolve, reject) => {
      const timer = clock.after(callTimeoutMs, () => {
        this.#answered(number);
        reject(this.#late());
      });
      this.#waiting.set(number, { answer: resolve, timer });
      // The process goes on as long as somebody waits.
      if (this.#waiting.size === 1) this.#socket.ref();
      this.#send(smallRequestFrame(request(number)));
    });
  }

  /** Requests that are made in one turn of the event loop leave together. */
  #send(frame: Buffer): void {
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

  #take(chunk: Buffer): void {
    try {
      this.#frames.read(chunk, (message) => {
        const said = decodeSmallAnswer(message);
        if (said === undefined) throw new Error("no answer");
        this.#answered(said.number)?.answer(kept(said.answer));
      });
    } catch {
      // No cache of ours. Calls do what was asked.
      this.#socket.destroy();
    }
  }

  /** @returns undefined for what nobody waits for any more. */
  #answered(number: number): Waiting | undefined {
    const waiting = this.#waiting.get(number);
    if (!this.#waiting.delete(number)) return undefined;
    waiting?.timer.cancel();
    if (this.#waiting.size > 0) return waiting;
    this.#socket.unref();
    if (this.#isClosing) this.#socket.destroy();
    return waiting;
  }

  #end(): void {
    const left = [...this.#waiting.keys()];
    for (const number of left) this.#answered(number)?.answer(byCall);
  }

  #late(): FlameError {
    const { host, callTimeoutMs } = this.#patience;
    return new FlameError(
      "deadline_exceeded",
      `the object cache on ${host} gave no answer within ${callTimeoutMs} ms`,
    );
  }
}

/** The same answer in memory of its own: what was read is much larger. */
function kept(answer: SmallAnswer): SmallAnswer {
  return answer.kind === "full" ? { ...answer, data: Buffer.from(answer.data) } : answer;
}
