import type { Clock, Timer } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import type { AuditLine } from "./audit-line.ts";
import { closeAuditFiles, type OpenedFile, openAuditFiles } from "./read-audit.ts";
import { RepeatedCalls } from "./repeated-calls.ts";
import { RotatingFile } from "./rotating-file.ts";

export interface AuditLogOptions {
  /** Absolute. */
  readonly file: string;
  readonly fileBytesMax: number;
  readonly filesMax: number;
}

/** Counts what the log does. */
export interface AuditMeter {
  written(lines: number): void;
  lost(lines: number): void;
  failed(): void;
}

export interface AuditLogDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter?: AuditMeter;
}

/** One reader's view of the log. */
export interface AuditReading {
  /** The earliest first, as far as they went when it began. */
  readonly files: readonly OpenedFile[];
  /** What the disk had not taken by then. */
  readonly waiting: readonly string[];
  /** To be called when it is over. */
  stop(): void;
}

/** Characters that wait for the disk at most; lines beyond it are lost, and counted. */
const waitingCharsMax = 4 * 1024 * 1024;
/** Written at once. */
const pieceChars = 64 * 1024;
/** After a failure the disk is tried again. Unit: milliseconds. */
const retryMs = 1_000;

const noMeter: AuditMeter = {
  written: () => undefined,
  lost: () => undefined,
  failed: () => undefined,
};

/**
 * The audit log of one daemon: lines of JSON in a {@link RotatingFile}. Nobody waits for it, and a disk that takes nothing
 * stops nobody: lines wait, then are lost and counted, and the first line after that says how many.
 */
export class AuditLog {
  readonly #file: RotatingFile;
  readonly #options: AuditLogOptions;
  readonly #deps: AuditLogDeps;
  readonly #meter: AuditMeter;
  readonly #refused: RepeatedCalls;
  readonly #counted: RepeatedCalls;
  readonly #followers = new Set<(line: string) => void>();
  #waiting: string[] = [];
  #waitingChars = 0;
  #lost = 0;
  #failing = false;
  #writing: Promise<void> | undefined;
  #retry: Timer | undefined;

  constructor(deps: AuditLogDeps, options: AuditLogOptions) {
    this.#deps = deps;
    this.#meter = deps.meter ?? noMeter;
    this.#file = new RotatingFile(options);
    this.#options = options;
    const write = (line: AuditLine): void => {
      this.write(line);
    };
    this.#refused = new RepeatedCalls(deps.clock, write, {
      linesEach: 5,
      keysMax: 200,
      others: "refused calls of others than the first 200 of this minute",
    });
    this.#counted = new RepeatedCalls(deps.clock, write, {
      linesEach: 1,
      keysMax: 2000,
      others: "counted calls of others than the first 2000 of this minute",
    });
  }

  /** A call that has a line of its own. */
  write(line: AuditLine): void {
    const time = new Date(this.#deps.clock.now()).toISOString();
    this.#take(`${JSON.stringify({ time, ...line })}\n`);
  }

  /** A call that was refused for who made it, or to be made later. @param key of who and what is the same */
  refused(key: string, line: () => AuditLine): void {
    this.#refused.add(key, line);
  }

  /** A call that may come many times. @param key of who and what is the same */
  counted(key: string, line: () => AuditLine): void {
    this.#counted.add(key, line);
  }

  /**
   * What there is by now, and what comes from then on: every line once, also those that wait for the disk.
   * @param listener is called with each line that comes, without its end, until {@link AuditReading.stop}
   */
  async read(listener?: (line: string) => void): Promise<AuditReading> {
    await this.settled();
    const { file, filesMax } = this.#options;
    const files = openAuditFiles(file, filesMax);
    const waiting = this.#waiting.map((text) => text.slice(0, -1));
    if (listener !== undefined) this.#followers.add(listener);
    const stop = (): void => {
      if (listener !== undefined) this.#followers.delete(listener);
      closeAuditFiles(files);
    };
    return { files, waiting, stop };
  }

  /** When what was said by now is in the file, or the disk did not take it. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Writes what was counted, and whatever the disk takes. */
  async close(): Promise<void> {
    this.#refused.end();
    this.#counted.end();
    this.#stopRetrying();
    if (this.#waiting.length > 0) this.#begin();
    while (this.#writing !== undefined) await this.#writing;
    this.#stopRetrying();
    await this.#file.close();
  }

  #stopRetrying(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
  }

  #take(text: string): void {
    for (const listener of this.#followers) listener(text.slice(0, -1));
    if (this.#waitingChars + text.length > waitingCharsMax) {
      this.#lost++;
      this.#meter.lost(1);
      return;
    }
    this.#waiting.push(text);
    this.#waitingChars += text.length;
    if (this.#retry === undefined) this.#begin();
  }

  #begin(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
      // What came while the last piece was settled.
      if (this.#waiting.length > 0 && this.#retry === undefined) this.#begin();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#nextPiece();
      const lost = this.#lost;
      try {
        await this.#file.append(this.#lostLine(lost) + lines.join(""));
      } catch (thrown) {
        this.#failed(thrown);
        return;
      }
      this.#succeeded(lines, lost);
    }
  }

  /** It waits until it is written. */
  #nextPiece(): readonly string[] {
    let chars = 0;
    const end = this.#waiting.findIndex((line, at) => {
      chars += line.length;
      return at > 0 && chars > pieceChars;
    });
    return this.#waiting.slice(0, end < 0 ? undefined : end);
  }

  #lostLine(lost: number): string {
    if (lost === 0) return "";
    const time = new Date(this.#deps.clock.now()).toISOString();
    const note = "lines were lost before this one: the disk did not take them";
    return `${JSON.stringify({ time, note, repeated: lost })}\n`;
  }

  #failed(thrown: unknown): void {
    this.#meter.failed();
    if (!this.#failing) {
      this.#failing = true;
      this.#deps.logger.error(
        {},
        `the audit log cannot be written: ${textOf(thrown)}; calls go on, and up to 4 MiB of lines wait; make room, or correct the rights of the folder`,
      );
    }
    this.#retry = this.#deps.clock.after(retryMs, () => {
      this.#retry = undefined;
      this.#begin();
    });
  }

  #succeeded(lines: readonly string[], lost: number): void {
    this.#waiting = this.#waiting.slice(lines.length);
    this.#waitingChars -= lines.reduce((sum, { length }) => sum + length, 0);
    this.#meter.written(lines.length);
    if (this.#failing) this.#deps.logger.info({ lost }, "the audit log is written again");
    this.#failing = false;
    // Others may have been lost while this piece was written.
    this.#lost -= lost;
  }
}
