import { createWriteStream, renameSync, type WriteStream } from "node:fs";
import type { Readable } from "node:stream";

/** Where the output of a program goes. */
export interface LogFileOptions {
  readonly path: string;
  /** When the file passes this size it is renamed to `<path>.1` and begun anew: at most twice this on disk. */
  readonly bytesMax: number;
  /** How many of the last bytes are kept in memory for error texts. */
  readonly tailBytesMax?: number;
}

const TAIL_BYTES_MAX = 4096;

/** Copies a program's output into a bounded file and remembers its last lines. Losing the disk loses log, never the program. */
export class LogFile {
  readonly #options: LogFileOptions;
  #file: WriteStream;
  #fileBytes = 0;
  #tail: Buffer = Buffer.alloc(0);
  #ended: Promise<void>;

  constructor(source: Readable, options: LogFileOptions) {
    this.#options = options;
    this.#file = openLog(options.path);
    source.on("data", (chunk: Buffer) => {
      this.#write(source, chunk);
    });
    this.#ended = new Promise((resolve) => {
      source.once("close", () => {
        this.#file.end();
        resolve();
      });
    });
  }

  /** The last lines seen, trimmed; complete once {@link ended} has resolved. */
  get tail(): string {
    return this.#tail.toString("utf8").trim();
  }

  /** Resolves when the program, and whoever inherited its pipe, has closed it. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  #write(source: Readable, chunk: Buffer): void {
    const keep = this.#options.tailBytesMax ?? TAIL_BYTES_MAX;
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-keep)]).subarray(-keep);
    if (this.#fileBytes > 0 && this.#fileBytes + chunk.length > this.#options.bytesMax)
      this.#rotate();
    this.#fileBytes += chunk.length;
    if (!this.#file.write(chunk) && !this.#file.destroyed) {
      source.pause();
      const resume = (): void => {
        source.resume();
      };
      this.#file.once("drain", resume).once("error", resume);
    }
  }

  #rotate(): void {
    this.#file.end();
    try {
      renameSync(this.#options.path, `${this.#options.path}.1`);
    } catch {
      // The file was taken away meanwhile: a new one is begun all the same.
    }
    this.#file = openLog(this.#options.path);
    this.#fileBytes = 0;
  }
}

function openLog(path: string): WriteStream {
  // A full or missing disk must not end the manager: what cannot be written is dropped.
  return createWriteStream(path, { flags: "w", mode: 0o640 }).on("error", () => undefined);
}
