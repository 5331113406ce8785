/** So much work, in milliseconds, is to wait at an executor: longer than a round trip and a commit. */
const AHEAD_MS = 20;
/** So many bytes of inputs are to wait at one executor. */
const AHEAD_BYTES = 8 * 1024 * 1024;
const CREDIT_MAX = 256;
/** How much the latest task counts in the mean. */
const WEIGHT = 0.2;

/** How many leases one executor takes at most, the one that runs included: as many as it gets done soon. */
export class WorkCredit {
  #value = 1;
  #meanMs: number | undefined;
  #meanBytes = 0;

  get value(): number {
    return this.#value;
  }

  /** How long tasks take, in milliseconds; undefined before the first one. */
  get meanMs(): number | undefined {
    return this.#meanMs;
  }

  /**
   * Learns from a task that has ended.
   * @param ms how long it took
   * @param bytes how large its input was
   * @param waiting how many more the executor has
   * @returns whether the credit changed
   */
  ran(ms: number, bytes: number, waiting: number): boolean {
    const before = this.#value;
    const first = this.#meanMs === undefined;
    this.#meanMs = first ? ms : mean(this.#meanMs ?? ms, ms);
    this.#meanBytes = first ? bytes : mean(this.#meanBytes, bytes);
    const most = this.#most();
    // Behind a long task others would wait for nothing.
    if (ms > AHEAD_MS) this.#value = 1;
    else if (waiting === 0) this.#value = Math.min(before * 2, most);
    else if (most * 2 < before) this.#value = most;
    return this.#value !== before;
  }

  #most(): number {
    const byTime = AHEAD_MS / Math.max(this.#meanMs ?? AHEAD_MS, AHEAD_MS / CREDIT_MAX);
    const byBytes = AHEAD_BYTES / Math.max(this.#meanBytes, 1);
    return Math.max(1, Math.floor(Math.min(byTime, byBytes, CREDIT_MAX)));
  }
}

function mean(before: number, latest: number): number {
  return before * (1 - WEIGHT) + latest * WEIGHT;
}
