/**
 * Ids of Pending tasks, taken lowest first. New ids come in ascending order; those that return from a lost lease
 * are few and are kept sorted apart.
 */
export class PendingQueue {
  readonly #returned: number[] = [];
  #fresh: number[] = [];
  #head = 0;

  get size(): number {
    return this.#returned.length + this.#fresh.length - this.#head;
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

  /** Removes and returns the lowest id. */
  take(): number | undefined {
    const returned = this.#returned[0];
    const fresh = this.#fresh[this.#head];
    if (returned !== undefined && (fresh === undefined || returned < fresh))
      return this.#returned.shift();
    if (fresh === undefined) return undefined;
    this.#head++;
    // Drop the taken front once it is the larger half, so that taking stays O(1) on average.
    if (this.#head > 1024 && this.#head * 2 > this.#fresh.length) {
      this.#fresh = this.#fresh.slice(this.#head);
      this.#head = 0;
    }
    return fresh;
  }

  clear(): void {
    this.#returned.length = 0;
    this.#fresh = [];
    this.#head = 0;
  }
}
