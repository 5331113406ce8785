import type { Clock, Timer } from "../../kit/clock.ts";

/** When a wait is told of first, and how long after that each further time. */
const firstMs = 3_000;
const againMs = 10_000;

/** Says in a sentence what is waited for, while it lasts: nothing for what is over soon. */
export class WaitingNotice {
  readonly #clock: Clock;
  readonly #tell: () => void;
  #timer: Timer;

  constructor(clock: Clock, tell: () => void) {
    this.#clock = clock;
    this.#tell = tell;
    this.#timer = clock.after(firstMs, () => this.#due());
  }

  end(): void {
    this.#timer.cancel();
  }

  #due(): void {
    this.#timer = this.#clock.after(againMs, () => this.#due());
    this.#tell();
  }
}

/** The message of the last whole line that a daemon of ours logged; undefined when it logged none. */
export function lastLogged(tail: string): string | undefined {
  for (const line of tail.split("\n").reverse()) {
    try {
      const { msg } = JSON.parse(line) as { msg?: unknown };
      if (typeof msg === "string") return msg;
    } catch {
      // A line that is cut off at the begin of the tail, or none of the log.
    }
  }
  return undefined;
}
