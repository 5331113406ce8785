import { setTimeout as delay } from "node:timers/promises";

/** Something that will have happened: resolves once, and stays so. */
export class Promised {
  readonly #promise: Promise<void>;
  #resolve: () => void = () => undefined;

  constructor() {
    this.#promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  resolve(): void {
    this.#resolve();
  }

  /** Resolves when it has happened, and after so many milliseconds at the latest. Keeps the process alive until then. */
  async within(ms: number): Promise<void> {
    const stop = new AbortController();
    const late = delay(ms, undefined, { signal: stop.signal }).catch(() => undefined);
    await Promise.race([this.#promise, late]);
    stop.abort();
  }
}
