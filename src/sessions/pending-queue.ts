/**
 * Ids of Pending tasks, taken lowest first. New ids come in ascending order; those that return from a lost lease
 * are few and are kept sorted apart.
 */
export class PendingQueue {
  readonly #returned: number[] = [];
  #fresh: number[] = [];
  #head = 0;
  /** Of the fresh ones, those that were removed before their turn came. */
  readonly #removed = new Set<number>();
  #frozen: PendingQueue | undefined;

  /** How many may be taken. */
  get size(): number {
    return this.#returned.length + this.#fresh.length - this.#head - this.#removed.size;
  }

  /** How many are kept from being taken. */
  get frozen(): number {
    return this.#frozen?.size ?? 0;
  }

  /** What is in the queue is not taken before it {@link thaw}s; what is added later is above it, and is. */
  freeze(): void {
    const frozen = new PendingQueue();
    frozen.#fresh = this.#fresh.slice(this.#head);
    this.#fresh = [];
    this.#head = 0;
    this.#frozen = frozen;
  }

  /** What was frozen is taken again, in its order. */
  thaw(): void {
    const frozen = this.#frozen;
    this.#frozen = undefined;
    if (frozen === undefined) return;
    this.#fresh = [...frozen.#fresh, ...this.#fresh.slice(this.#head)].filter(
      (id) => !frozen.#removed.has(id),
    );
    this.#head = 0;
  }

  /** Adds a new task; its id is above every id added before. */
  append(id: number): void {
    this.#fresh.push(id);
  }

  /** Puts a task back whose lease was lost. */
  putBack(id: number): void {
    const at = this.#returned.findIndex((other) => other > id);
    this.#returned.splice(at === -1 ? this.#returned.length : at, 0, id);
  }

  /** Whether an id is in the queue. */
  has(id: number): boolean {
    if (this.#frozen?.has(id) === true) return true;
    if (this.#returned.includes(id)) return true;
    if (this.#removed.has(id)) return false;
    let [low, high] = [this.#head, this.#fresh.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#fresh[middle] ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return this.#fresh[low] === id;
  }

  /** Removes an id that is in the queue. */
  remove(id: number): void {
    if (this.#frozen?.has(id) === true) {
      this.#frozen.remove(id);
      return;
    }
    const at = this.#returned.indexOf(id);
    if (at >= 0) this.#returned.splice(at, 1);
    else this.#removed.add(id);
  }

  /** Whether the lowest id was never put back. */
  get firstIsNew(): boolean {
    const returned = this.#returned[0];
    const fresh = this.#nextFresh();
    return fresh !== undefined && (returned === undefined || fresh < returned);
  }

  /** Removes and returns the lowest id. */
  take(): number | undefined {
    const returned = this.#returned[0];
    const fresh = this.#nextFresh();
    if (returned !== undefined && (fresh === undefined || returned < fresh))
      return this.#returned.shift();
    if (fresh === undefined) return undefined;
    this.#advance();
    return fresh;
  }

  clear(): void {
    this.#returned.length = 0;
    this.#fresh = [];
    this.#head = 0;
    this.#removed.clear();
    this.#frozen = undefined;
  }

  #nextFresh(): number | undefined {
    for (;;) {
      const fresh = this.#fresh[this.#head];
      if (fresh === undefined || !this.#removed.delete(fresh)) return fresh;
      this.#advance();
    }
  }

  #advance(): void {
    this.#head++;
    // Drop the taken front once it is the larger half, so that taking stays O(1) on average.
    if (this.#head > 1024 && this.#head * 2 > this.#fresh.length) {
      this.#fresh = this.#fresh.slice(this.#head);
      this.#head = 0;
    }
  }
}
