import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { marks, type PackedBatch } from "./commit-batch.ts";
import { commitProgram } from "./commit-program.ts";
import { makingRoom } from "./sqlite-room.ts";
import { writes } from "./sqlite-writes.ts";

/** What the thread says of one message. */
export interface CommitReply {
  /** How long the COMMIT took, its fsync included. */
  readonly seconds?: number;
  /** How many pages the log has. */
  readonly pages?: number;
  /** How many pages of the file are free. */
  readonly free?: number;
  /** Somebody else has started on the database: nothing was written. */
  readonly isForeign?: boolean;
  readonly failure?: { readonly message: string; readonly code?: string };
}

export interface CommitThreadOptions {
  readonly file: string;
  /** What the mark of this start is. */
  readonly startId: string;
  /** What is said to its connection first. */
  readonly pragmas: readonly string[];
  /** What the thread runs. @default what commits */
  readonly program?: string;
}

/** What SQLite said in the thread, as the driver says it. */
class ThreadFailure extends Error {
  readonly code: string | undefined;

  constructor({ message, code }: { readonly message: string; readonly code?: string }) {
    super(message);
    this.code = code;
  }
}

interface Waiting {
  readonly resolve: (reply: CommitReply) => void;
  readonly reject: (failure: Error) => void;
}

/**
 * A thread with a connection of its own, which waits for the disk in place of the event loop. It is started when it is first
 * needed, and is asked one thing at a time.
 */
export class CommitThread {
  readonly #options: CommitThreadOptions;
  #worker: Worker | undefined;
  #waiting: Waiting | undefined;
  #dead: Error | undefined;

  constructor(options: CommitThreadOptions) {
    this.#options = options;
  }

  /**
   * Writes a batch in one transaction. When it resolves, a crash cannot take it back.
   * @throws what SQLite threw, or that the thread has died: then it is not known what is on disk.
   */
  commit(batch: PackedBatch): Promise<CommitReply> {
    return this.#ask(batch, [batch.kinds, batch.numbers, batch.bytes]);
  }

  /** Folds the log into the database, as far as nobody reads an earlier state. */
  async checkpoint(): Promise<void> {
    await this.#ask("checkpoint", []);
  }

  /** Writes a page that nobody reads. @throws as {@link commit} */
  tryWrite(): Promise<CommitReply> {
    return this.#ask("tryWrite", []);
  }

  /** Gives the file system what it can of the log and of the free pages, for a while: commits wait meanwhile. */
  makeRoom(): Promise<CommitReply> {
    return this.#ask("makeRoom", []);
  }

  /** Gives so many free pages back to the file system, in a transaction of its own. */
  giveBack(pages: number): Promise<CommitReply> {
    return this.#ask(pages, []);
  }

  /** Resolves when its connection is closed. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined || this.#dead !== undefined) return;
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.ref();
    worker.postMessage("close");
    await ended;
  }

  #ask(
    message: PackedBatch | "checkpoint" | "tryWrite" | "makeRoom" | number,
    transfer: readonly ArrayBuffer[],
  ): Promise<CommitReply> {
    return new Promise((resolve, reject) => {
      if (this.#dead !== undefined) {
        reject(this.#dead);
        return;
      }
      this.#worker ??= this.#start();
      this.#waiting = { resolve, reject };
      // Somebody waits for the answer, and the process with them.
      this.#worker.ref();
      this.#worker.postMessage(message, transfer);
    });
  }

  #start(): Worker {
    const { program = commitProgram, ...options } = this.#options;
    const worker = new Worker(program, {
      eval: true,
      workerData: {
        ...options,
        sqlite: createRequire(import.meta.url).resolve("better-sqlite3"),
        writes: Object.values(writes),
        marks,
        room: makingRoom,
      },
    });
    worker.unref();
    worker.on("message", (reply: CommitReply) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      worker.unref();
      if (reply.failure === undefined) waiting?.resolve(reply);
      else waiting?.reject(new ThreadFailure(reply.failure));
    });
    const died = (why: string): void => {
      this.#dead ??= new Error(`the thread that commits has died: ${why}`);
      this.#waiting?.reject(this.#dead);
      this.#waiting = undefined;
    };
    worker.on("messageerror", (error: Error) => died(error.message));
    worker.on("error", (error: Error) => died(error.message));
    worker.on("exit", (code) => died(`it ended with code ${code}`));
    return worker;
  }
}
