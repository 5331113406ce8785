import type { Clock } from "../../src/kit/clock.ts";

/** Timers fire when the test lets time pass. */
export class TestClock implements Clock {
  #now = 0;
  /** Somebody sets the date: how far it is from the steady time. */
  dateAheadMs = 0;
  #timers: { at: number; action: () => void }[] = [];
  now = (): number => this.#now + this.dateAheadMs;
  steady = (): number => this.#now;
  after = (delayMs: number, action: () => void) => {
    const timer = { at: this.#now + delayMs, action };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
      },
    };
  };
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#timers.shift();
      this.#now = Math.max(this.#now, next.at);
      next.action();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now = until;
  }
}
