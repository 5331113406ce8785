import {
  closeSync,
  createWriteStream,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  type WriteStream,
} from "node:fs";
import type { Readable } from "node:stream";
import { markLine } from "./log-marks.ts";
import type { OutputTap } from "./output-tap.ts";

/** Where the output of a program goes. */
export interface LogFileOptions {
  /** Absent: it is not known yet, see {@link LogFile.goTo}. */
  readonly path?: string;
  /** When the file passes this size it is renamed to `<path>.1` and begun anew: at most twice this on disk. */
  readonly bytesMax: number;
  /** How many of the last bytes are kept in memory for error texts. */
  readonly tailBytesMax?: number;
  /** Set: what is in the file stays, and lines of ours tell what the output below them belongs to. */
  readonly marks?: LogMarks;
  /** Told of what goes to the file. */
  readonly tap?: OutputTap;
}

export interface LogMarks {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Stands above the first output of the program. */
  readonly heading: string;
}

const TAIL_BYTES_MAX = 4096;
/** So much of what a program prints is held while nobody has said where it goes: the first of it. */
const HELD_BYTES_MAX = 64 * 1024;
const NEWLINE = 0x0a;
/** More than a pipe and its stream hold: what comes behind so much was printed later. */
const PIPE_BYTES_MAX = 1024 * 1024;
/** After a pause the pipe is read in the turn of the event loop after the next one. */
const TURNS_AFTER_PAUSE = 2;

/** A section that ends when what lies in the pipe has been read. */
interface SectionEnd {
  /** How much has come since. */
  bytes: number;
  /** The disk held the reading up. */
  late: boolean;
  look?: NodeJS.Immediate;
  /** The title of the section that begins then. */
  next?: string;
}

/** Copies a program's output into a bounded file and remembers its last lines. Losing the disk loses log, never the program. */
export class LogFile {
  #options: LogFileOptions;
  #file: WriteStream | undefined;
  /** What came while there was no file. */
  #held: Buffer = Buffer.alloc(0);
  #fileBytes = 0;
  #atLineStart = true;
  #headed = false;
  #closed = false;
  #section: { readonly title: string; shown: boolean } | undefined;
  #ending: SectionEnd | undefined;
  readonly #source: Readable;
  #tail: Buffer = Buffer.alloc(0);
  #ended: Promise<void>;

  constructor(source: Readable, options: LogFileOptions) {
    this.#options = options;
    this.#source = source;
    if (options.path !== undefined) this.#open(options.path);
    source.on("data", (chunk: Buffer) => {
      this.#write(chunk);
    });
    this.#ended = new Promise((resolve) => {
      source.once("close", () => {
        this.#closeSection();
        this.#closed = true;
        this.#options.tap?.ended();
        this.#file?.end();
        resolve();
      });
    });
  }

  /** The output goes to this file from now on, and what was held first; where there is one already, nothing happens. */
  goTo(path: string, more: Pick<LogFileOptions, "marks" | "tap">): void {
    if (this.#file !== undefined) return;
    this.#options = { ...this.#options, path, ...more };
    const file = this.#open(path);
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    if (held.length > 0) this.#put(held);
    if (this.#closed) file.end();
  }

  #open(path: string): WriteStream {
    const { marks } = this.#options;
    if (marks !== undefined) {
      const found = endOf(path);
      this.#fileBytes = found.bytes;
      this.#atLineStart = found.atLineStart;
    }
    this.#file = openLog(path, marks === undefined ? "w" : "a");
    return this.#file;
  }

  /** The last lines seen, trimmed; complete once {@link ended} has resolved. */
  get tail(): string {
    return this.#tail.toString("utf8").trim();
  }

  /** Resolves when the program, and whoever inherited its pipe, has closed it. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** What comes from now on belongs to `title`. Written above its first output: a silent section leaves no mark. */
  beginSection(title: string): void {
    if (this.#ending !== undefined && (this.#ending.late || this.#source.isPaused())) {
      this.#ending.next = title;
      return;
    }
    this.#closeSection();
    if (this.#options.marks !== undefined) this.#section = { title, shown: false };
  }

  /** The section ends, with what lies in the pipe by now: the program may have printed faster than the disk takes it. */
  endSection(): void {
    if (this.#section === undefined) return;
    if (this.#ending === undefined) this.#ending = { bytes: 0, late: false };
    else delete this.#ending.next;
    if (!this.#ending.late) this.#lookForEnd(1);
  }

  #lookForEnd(turns: number): void {
    const ending = this.#ending;
    if (ending === undefined) return;
    clearImmediate(ending.look);
    ending.look = setImmediate(() => {
      if (this.#source.isPaused()) {
        ending.late = true;
        this.#options.tap?.behind();
      } else if (turns > 1) this.#lookForEnd(turns - 1);
      else this.#closeSection();
    });
  }

  #closeSection(): void {
    const ending = this.#ending;
    this.#ending = undefined;
    clearImmediate(ending?.look);
    const section = this.#section;
    this.#section = undefined;
    const shown = section?.shown === true;
    if (shown || ending?.late === true) this.#options.tap?.ended();
    if (shown) this.#mark(`${section.title} ends`);
    if (ending?.next !== undefined) this.beginSection(ending.next);
  }

  #write(chunk: Buffer): void {
    const keep = this.#options.tailBytesMax ?? TAIL_BYTES_MAX;
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-keep)]).subarray(-keep);
    if (this.#file === undefined) {
      const room = HELD_BYTES_MAX - this.#held.length;
      this.#held = Buffer.concat([this.#held, chunk.subarray(0, room)]);
      return;
    }
    if (this.#ending !== undefined) {
      this.#ending.bytes += chunk.length;
      if (this.#ending.bytes > PIPE_BYTES_MAX) this.#closeSection();
    }
    const file = this.#put(chunk);
    if (file !== undefined && !file.destroyed)
      pauseUntilDrained(this.#source, file, () => this.#lookForEnd(TURNS_AFTER_PAUSE));
  }

  /** @returns the file, when it takes no more for now */
  #put(chunk: Buffer): WriteStream | undefined {
    if (this.#fileBytes > 0 && this.#fileBytes + chunk.length > this.#options.bytesMax)
      this.#rotate();
    this.#markBefore();
    this.#options.tap?.came(chunk, this.#section?.title);
    this.#fileBytes += chunk.length;
    this.#atLineStart = chunk.at(-1) === NEWLINE;
    return this.#file?.write(chunk) === false ? this.#file : undefined;
  }

  #markBefore(): void {
    if (!this.#headed && this.#options.marks !== undefined) this.#mark(this.#options.marks.heading);
    this.#headed = true;
    if (this.#section === undefined || this.#section.shown) return;
    this.#section.shown = true;
    this.#mark(`${this.#section.title} begins`);
  }

  #mark(text: string): void {
    const { marks } = this.#options;
    if (marks === undefined || this.#closed) return;
    const line = `${this.#atLineStart ? "" : "\n"}${markLine(marks.now(), text)}`;
    this.#file?.write(line);
    this.#fileBytes += Buffer.byteLength(line);
    this.#atLineStart = true;
  }

  #rotate(): void {
    const { path } = this.#options;
    if (path === undefined) return;
    this.#file?.end();
    try {
      renameSync(path, `${path}.1`);
    } catch {
      // The file was taken away meanwhile: a new one is begun all the same.
    }
    this.#file = openLog(path, "w");
    this.#fileBytes = 0;
    this.#atLineStart = true;
    if (this.#section?.shown === true) this.#mark(`${this.#section.title} goes on`);
  }
}

/** A program prints no faster than the disk takes it; a disk that fails does not hold it. */
function pauseUntilDrained(source: Readable, file: WriteStream, resumed: () => void): void {
  source.pause();
  const resume = (): void => {
    file.off("drain", resume).off("error", resume);
    source.resume();
    resumed();
  };
  file.on("drain", resume).on("error", resume);
}

/** What an earlier program left in the file. */
function endOf(path: string): { bytes: number; atLineStart: boolean } {
  try {
    const file = openSync(path, "r");
    try {
      const bytes = fstatSync(file).size;
      const last = Buffer.alloc(1);
      if (bytes > 0) readSync(file, last, 0, 1, bytes - 1);
      return { bytes, atLineStart: bytes === 0 || last[0] === NEWLINE };
    } finally {
      closeSync(file);
    }
  } catch {
    return { bytes: 0, atLineStart: true };
  }
}

function openLog(path: string, flags: "a" | "w"): WriteStream {
  // A full or missing disk must not end the manager: what cannot be written is dropped.
  return createWriteStream(path, { flags, mode: 0o640 }).on("error", () => undefined);
}
