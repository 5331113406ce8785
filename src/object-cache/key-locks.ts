/** One turn at a time per key, in the order of asking. */
export class KeyLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `action` when nobody else holds `key`. */
  async run<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    let release = (): void => undefined;
    const tail = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#tails.set(key, tail);
    try {
      await before;
      return await action();
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
      release();
    }
  }

  /** Runs `action` holding all keys. Taken in one order by everyone, so that no two wait for each other. */
  async runAll<T>(keys: readonly string[], action: () => Promise<T>): Promise<T> {
    // Asking for all of them within one turn of the event loop puts this caller into every queue at once:
    // two such callers stand in the same order in every queue they share.
    const gates = keys.map((key) => this.#enter(key));
    try {
      await Promise.all(gates.map(({ ready }) => ready));
      return await action();
    } finally {
      for (const gate of gates) gate.leave();
    }
  }

  #enter(key: string): { ready: Promise<void>; leave: () => void } {
    let arrived = (): void => undefined;
    const ready = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let leave = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      leave = resolve;
    });
    void this.run(key, async () => {
      arrived();
      await held;
    });
    return { ready, leave };
  }
}
