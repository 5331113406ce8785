import type { Clock, Timer } from "../kit/clock.ts";
import type { AuditLine } from "./audit-line.ts";
import { hostOf } from "./short-texts.ts";

/** So long calls that are alike are counted together. Unit: milliseconds. */
export const countedMs = 60_000;

export interface RepeatedCallsOptions {
  /** Lines that calls which are alike may have in a minute; the others are counted. */
  readonly linesEach: number;
  /** Kinds of calls that are told apart in a minute; all others are counted together. */
  readonly keysMax: number;
  /** What the line of all others says. */
  readonly others: string;
}

interface Counted {
  lines: number;
  more: number;
  last: AuditLine;
}

/**
 * Writes the first of calls that are alike, and tells at the end of the minute how many more there were: nobody can fill
 * the disk with them.
 */
export class RepeatedCalls {
  readonly #clock: Clock;
  readonly #write: (line: AuditLine) => void;
  readonly #options: RepeatedCallsOptions;
  readonly #counted = new Map<string, Counted>();
  #others = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, write: (line: AuditLine) => void, options: RepeatedCallsOptions) {
    this.#clock = clock;
    this.#write = write;
    this.#options = options;
  }

  /** @param line is called when it is written */
  add(key: string, line: () => AuditLine): void {
    this.#timer ??= this.#clock.after(countedMs, () => {
      this.end();
    });
    const { linesEach, keysMax } = this.#options;
    const found = this.#counted.get(key);
    if (found === undefined && this.#counted.size >= keysMax) {
      this.#others++;
    } else if (found === undefined) {
      const last = line();
      this.#counted.set(key, { lines: 1, more: 0, last });
      this.#write(last);
    } else if (found.lines < linesEach) {
      found.lines++;
      this.#write(line());
    } else {
      found.more++;
    }
  }

  /** Tells of what was counted, and begins anew. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { more, last } of this.#counted.values()) {
      if (more > 0) this.#write(repeatedLine(last, more));
    }
    if (this.#others > 0) this.#write({ note: this.#options.others, repeated: this.#others });
    this.#counted.clear();
    this.#others = 0;
  }
}

/** What all of them have in common: not the id, the port or the duration of one of them. */
function repeatedLine(last: AuditLine, repeated: number): AuditLine {
  const { request: _id, seconds: _duration, from, ...common } = last;
  return { ...common, ...(from !== undefined && { from: hostOf(from) }), repeated };
}
