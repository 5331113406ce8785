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

  get size(): number {
    return this.#returned.length + this.#fresh.length - this.#head - this.#removed.size;
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

  /** Removes an id that is in the queue. */
  remove(id: number): void {
    const at = this.#returned.indexOf(id);
    if (at >= 0) this.#returned.splice(at, 1);
    else this.#removed.add(id);
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
