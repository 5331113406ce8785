/** What a generation holds, and how large that is. */
interface Generation<K, V> {
  readonly entries: Map<K, V>;
  size: number;
}

/**
 * Remembers the newest entries within a size: when the younger half is full, the older half is dropped as a whole, and the
 * younger one is the older. Dropping one entry after the other would cost more the more there are, since a Map walks over
 * all that was deleted before to find its first entry.
 */
export class TwoGenerations<K, V> {
  readonly #halfMax: number;
  readonly #sizeOf: (value: V) => number;
  #young: Generation<K, V> = { entries: new Map(), size: 0 };
  #old: Generation<K, V> = { entries: new Map(), size: 0 };

  /** @param sizeMax of all entries together; @param sizeOf what one counts, 1 by default */
  constructor(sizeMax: number, sizeOf: (value: V) => number = () => 1) {
    this.#halfMax = sizeMax / 2;
    this.#sizeOf = sizeOf;
  }

  /** The entry, which counts as new again. */
  get(key: K): V | undefined {
    const young = this.#young.entries.get(key);
    if (young !== undefined) return young;
    const old = this.#old.entries.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  /** One that alone is larger than half of what fits is not remembered. */
  set(key: K, value: V): void {
    this.delete(key);
    const size = this.#sizeOf(value);
    if (size > this.#halfMax) return;
    if (this.#young.size + size > this.#halfMax) {
      this.#old = this.#young;
      this.#young = { entries: new Map(), size: 0 };
    }
    this.#young.entries.set(key, value);
    this.#young.size += size;
  }

  delete(key: K): void {
    for (const generation of [this.#young, this.#old]) {
      const found = generation.entries.get(key);
      if (found === undefined) continue;
      generation.entries.delete(key);
      generation.size -= this.#sizeOf(found);
    }
  }
}
