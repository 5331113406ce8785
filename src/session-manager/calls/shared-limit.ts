/**
 * A number of things that all clients share, without anybody being able to take all of it: a client gets at most as
 * many as are still free. So one alone gets a half, two get a third each, and there is always something left for the
 * next one. What a client gets its connections share in the same way.
 */
export class SharedLimit {
  readonly max: number;
  #used = 0;

  constructor(max: number) {
    this.max = max;
  }

  get free(): number {
    return this.max - this.#used;
  }

  /** Whether a client that has `own` of them may have `amount` more. */
  allows(own: number, amount: number): boolean {
    return own + amount <= this.free;
  }

  /** Whether a connection that has `own` of the `callers` that its caller has in all may have `amount` more. */
  allowsConnection(own: number, callers: number, amount: number): boolean {
    return this.allows(callers, amount) && own + amount <= this.#share(callers) - callers;
  }

  /** How many a caller that has `own` of them may have in all. */
  #share(own: number): number {
    return Math.floor((this.free + own + 1) / 2);
  }

  take(amount: number): void {
    this.#used += amount;
  }

  giveBack(amount: number): void {
    this.#used -= amount;
  }
}
