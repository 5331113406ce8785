import { constants, type FileHandle, open, stat } from "node:fs/promises";
import { isMark, taskAfter } from "./log-marks.ts";

/** Lines that one service wrote while one task ran, or none. */
export interface LogLines {
  readonly taskId: string | undefined;
  readonly data: Buffer;
}

const readBytes = 64 * 1024;
/** A line that is longer is told in pieces. */
const lineBytesMax = 64 * 1024;
const newline = 0x0a;

/** Reads one log file from its rotated part on, and goes on where it stopped when asked again. */
export class LogTail {
  readonly #path: string;
  #file: FileHandle | undefined;
  #begun = false;
  #rest: Buffer = Buffer.alloc(0);
  #taskId: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was added since the last time; only with `last` is an unfinished line told. */
  async *read(last: boolean): AsyncGenerator<LogLines, void, void> {
    if (!this.#begun) {
      this.#begun = true;
      this.#file = await openLog(`${this.#path}.1`);
      yield* this.#toEnd();
      await this.close();
    }
    this.#file ??= await openLog(this.#path);
    yield* this.#toEnd();
    if (await this.#rotated()) {
      await this.close();
      this.#file = await openLog(this.#path);
      yield* this.#toEnd();
    }
    if (!last) return;
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    if (rest.length > 0) yield* this.#lines([rest]);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async *#toEnd(): AsyncGenerator<LogLines, void, void> {
    const file = this.#file;
    if (file === undefined) return;
    const buffer = Buffer.alloc(readBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, readBytes, null);
      if (bytesRead === 0) return;
      yield* this.#lines(this.#split(buffer.subarray(0, bytesRead)));
    }
  }

  /** Whole lines, each with its newline; what follows the last one is kept. */
  #split(bytes: Buffer): Buffer[] {
    const text = Buffer.concat([this.#rest, bytes]);
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = text.indexOf(newline); at >= 0; at = text.indexOf(newline, from)) {
      lines.push(text.subarray(from, at + 1));
      from = at + 1;
    }
    if (text.length - from > lineBytesMax) {
      lines.push(text.subarray(from));
      from = text.length;
    }
    this.#rest = text.subarray(from);
    return lines;
  }

  /** Joins the lines of one task; the marks between them are not told. */
  *#lines(lines: readonly Buffer[]): Generator<LogLines, void, void> {
    let joined: Buffer[] = [];
    for (const line of lines) {
      if (!isMark(line)) {
        joined.push(line);
        continue;
      }
      if (joined.length > 0) yield { taskId: this.#taskId, data: Buffer.concat(joined) };
      joined = [];
      const task = taskAfter(line);
      if (task !== undefined) this.#taskId = task ?? undefined;
    }
    if (joined.length > 0) yield { taskId: this.#taskId, data: Buffer.concat(joined) };
  }

  async #rotated(): Promise<boolean> {
    if (this.#file === undefined) return false;
    const own = await this.#file.stat();
    const present = await stat(this.#path).catch(() => undefined);
    return present !== undefined && present.ino !== own.ino;
  }
}

/** Links are not followed and pipes not waited for: a service could leave them in place of its log. */
async function openLog(path: string): Promise<FileHandle | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(() => undefined);
  if (file === undefined || (await file.stat()).isFile()) return file;
  await file.close();
  return undefined;
}
