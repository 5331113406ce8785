/** Growing pauses between tries. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  #nextMs: number;

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#nextMs = firstMs;
  }

  /** The pause before the next try, in milliseconds; the one after it is twice as long, up to the maximum. */
  next(): number {
    const pauseMs = this.#nextMs;
    this.#nextMs = Math.min(pauseMs * 2, this.#maxMs);
    return pauseMs;
  }

  /** Begin again with the first pause. */
  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
