interface Entry<K> {
  readonly key: K;
  /** The wanted moment; undefined when cleared. */
  at: number | undefined;
  /** Where the key stands in the heap; undefined when it is not there. */
  queuedAt: number | undefined;
}

/**
 * One moment per key, in milliseconds, and which keys are due. Setting a later moment, or clearing, costs O(1):
 * the heap holds a key at most once per moment that it was moved to an earlier one, and corrects itself when it is read.
 */
export class DeadlineQueue<K> {
  readonly #entries = new Map<K, Entry<K>>();
  readonly #heap: { at: number; key: K }[] = [];

  set(key: K, at: number): void {
    const entry = this.#entries.get(key) ?? { key, at, queuedAt: undefined };
    entry.at = at;
    this.#entries.set(key, entry);
    if (entry.queuedAt === undefined || at < entry.queuedAt) this.#queue(entry, at);
  }

  clear(key: K): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.at = undefined;
  }

  /** The earliest moment at which {@link takeDue} may find something; undefined when nothing is set. */
  next(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** Removes and returns every key whose moment has come, earliest first. */
  takeDue(now: number): K[] {
    const due: K[] = [];
    for (let top = this.#heap[0]; top !== undefined && top.at <= now; top = this.#heap[0]) {
      this.#pop();
      const entry = this.#entries.get(top.key);
      if (entry === undefined || entry.queuedAt !== top.at) continue;
      entry.queuedAt = undefined;
      if (entry.at === undefined) {
        this.#entries.delete(top.key);
      } else if (entry.at > top.at) {
        // It was moved to a later moment, which may be due as well, but after others.
        this.#queue(entry, entry.at);
      } else {
        this.#entries.delete(top.key);
        due.push(top.key);
      }
    }
    return due;
  }

  #queue(entry: Entry<K>, at: number): void {
    entry.queuedAt = at;
    const heap = this.#heap;
    let index = heap.push({ at, key: entry.key }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#at(parent) <= this.#at(index)) return;
      this.#swap(parent, index);
      index = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let index = 0;
    for (;;) {
      let smallest = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < heap.length && this.#at(child) < this.#at(smallest)) smallest = child;
      }
      if (smallest === index) return;
      this.#swap(smallest, index);
      index = smallest;
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.at ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    const [first, second] = [heap[a], heap[b]];
    if (first === undefined || second === undefined) return;
    heap[a] = second;
    heap[b] = first;
  }
}
