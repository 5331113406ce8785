/** What has a moment: something of a kind. */
export interface DeadlineKey<Kind, Id> {
  readonly kind: Kind;
  readonly id: Id;
}

interface Entry<Kind, Id> extends DeadlineKey<Kind, Id> {
  /** The wanted moment; undefined when cleared. */
  at: number | undefined;
  /** Where it stands in the heap; undefined when it is not there. */
  queuedAt: number | undefined;
}

/** Entries without a meaning that are not worth the work. */
const compactFrom = 64;

/**
 * One moment for each id of a kind, in milliseconds, and which of them are due. Setting a later moment, or clearing, costs
 * O(1): the heap holds an entry at most once per moment that it was moved to an earlier one, and corrects itself when it is read.
 */
export class DeadlineQueue<Kind, Id> {
  readonly #entries = new Map<Kind, Map<Id, Entry<Kind, Id>>>();
  #heap: { at: number; entry: Entry<Kind, Id> }[] = [];
  /** Entries that have a moment. */
  #live = 0;

  set(kind: Kind, id: Id, at: number): void {
    const entry = this.#entryOf(kind, id);
    if (entry.at === undefined) this.#live++;
    entry.at = at;
    if (entry.queuedAt !== undefined && at >= entry.queuedAt) return;
    this.#queue(entry, at);
    this.#compact();
  }

  clear(kind: Kind, id: Id): void {
    const entry = this.#entries.get(kind)?.get(id);
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

  /** Removes and returns those whose moment has come, earliest first, at most `limit`. */
  takeDue(now: number, limit = Number.POSITIVE_INFINITY): DeadlineKey<Kind, Id>[] {
    const due: DeadlineKey<Kind, Id>[] = [];
    for (let top = this.#heap[0]; top !== undefined && top.at <= now; top = this.#heap[0]) {
      if (due.length >= limit) break;
      this.#pop();
      const { entry } = top;
      if (entry.queuedAt !== top.at) continue;
      entry.queuedAt = undefined;
      if (entry.at === undefined) {
        this.#forget(entry);
      } else if (entry.at > top.at) {
        // It was moved to a later moment, which may be due as well, but after others.
        this.#queue(entry, entry.at);
      } else {
        this.#forget(entry);
        this.#live--;
        due.push(entry);
      }
    }
    return due;
  }

  /** What was cleared or moved must not stay until its old moment, which may be days ahead: at most as much again does. */
  #compact(): void {
    if (this.#heap.length <= 2 * this.#live + compactFrom) return;
    this.#heap = [];
    for (const entries of this.#entries.values()) {
      for (const entry of entries.values()) {
        entry.queuedAt = undefined;
        if (entry.at === undefined) this.#forget(entry);
        else this.#queue(entry, entry.at);
      }
    }
  }

  #entryOf(kind: Kind, id: Id): Entry<Kind, Id> {
    let entries = this.#entries.get(kind);
    if (entries === undefined) {
      entries = new Map();
      this.#entries.set(kind, entries);
    }
    let entry = entries.get(id);
    if (entry === undefined) {
      entry = { kind, id, at: undefined, queuedAt: undefined };
      entries.set(id, entry);
    }
    return entry;
  }

  #forget({ kind, id }: Entry<Kind, Id>): void {
    const entries = this.#entries.get(kind);
    entries?.delete(id);
    // Kinds may come and go as ids do.
    if (entries?.size === 0) this.#entries.delete(kind);
  }

  #queue(entry: Entry<Kind, Id>, at: number): void {
    entry.queuedAt = at;
    const heap = this.#heap;
    let index = heap.push({ at, entry }) - 1;
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
