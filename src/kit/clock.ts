/** A cancellable one-shot timer, as handed out by {@link Clock.after}. */
export interface Timer {
  cancel(): void;
}

/** The only source of time in the house: handed in, so that tests and the simulation own it. */
export interface Clock {
  /** Wall-clock time in Unix milliseconds. */
  now(): number;
  /**
   * Milliseconds since some moment before the process began to use it. Unlike {@link now} it goes on evenly whenever
   * somebody sets the date: for everything that lasts some time.
   */
  steady(): number;
  /** Calls `action` once after `delayMs` milliseconds, unless cancelled. Never keeps the process alive by itself. */
  after(delayMs: number, action: () => void): Timer;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  after: (delayMs, action) => {
    const handle = setTimeout(action, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
