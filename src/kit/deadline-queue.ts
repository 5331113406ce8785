interface Entry<K> {
  readonly key: K;
  /** The wanted moment; undefined when cleared. */
  at: number | undefined;
  /** Where the key stands in the heap; undefined when it is not there. */
  queuedAt: number | undefined;
}

/** Entries without a meaning that are not worth the work. */
const compactFrom = 64;

/**
 * One moment per key, in milliseconds, and which keys are due. Setting a later moment, or clearing, costs O(1):
 * the heap holds a key at most once per moment that it was moved to an earlier one, and corrects itself when it is read.
 */
export class DeadlineQueue<K> {
  readonly #entries = new Map<K, Entry<K>>();
  #heap: { at: number; key: K }[] = [];
  /** Keys that have a moment. */
  #live = 0;

  set(key: K, at: number): void {
    const entry = this.#entries.get(key) ?? { key, at: undefined, queuedAt: undefined };
    if (entry.at === undefined) this.#live++;
    entry.at = at;
    this.#entries.set(key, entry);
    if (entry.queuedAt !== undefined && at >= entry.queuedAt) return;
    this.#queue(entry, at);
    this.#compact();
  }

  clear(key: K): void {
    const entry = this.#entries.get(key);
    if (entry?.at === undefined) return;
    entry.at = undefined;
    this.#live--;
    this.#compact();
  }

  /** How many moments it holds in memory, those that no longer count included. */
  get held(): number {
    return this.#heap.length;
  }

  /** The earliest moment at which {@link takeDue} may find something; undefined when nothing is set. */
  next(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** Removes and returns the keys whose moment has come, earliest first, at most `limit`. */
  takeDue(now: number, limit = Number.POSITIVE_INFINITY): K[] {
    const due: K[] = [];
    for (let top = this.#heap[0]; top !== undefined && top.at <= now; top = this.#heap[0]) {
      if (due.length >= limit) break;
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
        this.#live--;
        due.push(top.key);
      }
    }
    return due;
  }

  /** What was cleared or moved must not stay until its old moment, which may be days ahead: at most as much again does. */
  #compact(): void {
    if (this.#heap.length <= 2 * this.#live + compactFrom) return;
    this.#heap = [];
    for (const entry of this.#entries.values()) {
      if (entry.at === undefined) this.#entries.delete(entry.key);
      else this.#queue(entry, entry.at);
    }
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
