import type { Clock } from "./clock.ts";

/** So many bytes a second, and some more at once after a pause. */
export class ByteRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  #allowance: number;
  #countedAt: number;

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#allowance = burst;
    this.#countedAt = clock.steady();
  }

  /** May be more than is allowed: then there is a longer wait before the next ones. */
  take(bytes: number): void {
    this.#allowance -= bytes;
  }

  /** How long nothing is to be taken, in milliseconds. */
  get waitMs(): number {
    const now = this.#clock.steady();
    const gained = ((now - this.#countedAt) / 1000) * this.#perSecond;
    this.#countedAt = now;
    this.#allowance = Math.min(this.#burst, this.#allowance + gained);
    return this.#allowance > 0 ? 0 : Math.ceil((-this.#allowance / this.#perSecond) * 1000) + 1;
  }
}
