/**
 * Holds back what may be over in a moment: a thing counts when it has been so for a while. What is not named in one
 * round starts anew.
 */
export class Debounce {
  readonly #waitMs: number;
  #since = new Map<string, number>();

  /** @param waitMs how long a thing has to be so, in milliseconds */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /**
   * One round.
   * @param atOnce all of these count now, and go on to count for as long as they are so. @default false
   * @returns the keys that have been so for long enough, and in how many milliseconds the next one will have been
   */
  round(
    keys: Iterable<string>,
    now: number,
    atOnce = false,
  ): { due: ReadonlySet<string>; nextMs?: number } {
    const since = new Map<string, number>();
    const due = new Set<string>();
    let nextMs: number | undefined;
    for (const key of keys) {
      const first = atOnce ? now - this.#waitMs : Math.min(this.#since.get(key) ?? now, now);
      since.set(key, first);
      const left = first + this.#waitMs - now;
      if (left <= 0) due.add(key);
      else nextMs = Math.min(nextMs ?? left, left);
    }
    this.#since = since;
    return { due, ...(nextMs !== undefined && { nextMs }) };
  }
}
