/** Lets at most `max` actions run at once; the others wait their turn, first come first served. */
export class Limiter {
  readonly max: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #head = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** Runs `action` when it is its turn. */
  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#running >= this.max) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await action();
    } finally {
      this.#next();
    }
  }

  // The place goes straight to the first that waits, so that no newcomer can overtake it.
  #next(): void {
    const next = this.#waiting[this.#head];
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#head++;
    // Shifting one by one would be quadratic with tens of thousands waiting.
    if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
    next();
  }
}
