/**
 * Remembers the newest entries: when the younger half is full, the older half is dropped as a whole, and the younger one is
 * the older. Dropping one entry after the other would cost more the more there are, since a Map walks over all that was
 * deleted before to find its first entry.
 */
export class TwoGenerations<K, V> {
  readonly #halfMax: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** @param most entries; the newest half of them is never dropped */
  constructor(most: number) {
    this.#halfMax = most / 2;
  }

  /** The entry, which counts as new again. */
  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: K, value: V): void {
    this.delete(key);
    if (this.#young.size >= this.#halfMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
