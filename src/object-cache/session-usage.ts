import type { Clock } from "../kit/clock.ts";

/** When the objects of each session were used last: in memory only, so a restart counts as a use of all of them. */
export class SessionUsage {
  readonly #clock: Clock;
  readonly #openedAt: number;
  readonly #usedAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#openedAt = clock.steady();
  }

  /** @param prefix `<app>/<session>` */
  used(prefix: string): void {
    this.#usedAt.set(prefix, this.#clock.steady());
  }

  forget(prefix: string): void {
    this.#usedAt.delete(prefix);
  }

  /** Unit: milliseconds. */
  idleMs(prefix: string): number {
    return Math.floor(this.#clock.steady() - (this.#usedAt.get(prefix) ?? this.#openedAt));
  }
}
