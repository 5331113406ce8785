/** Items of one lane that wait, first come first. */
class Lane<T> {
  #items: T[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  /** The first item; the lane must not be empty. */
  take(): T {
    const item = this.#items[this.#head++] as T;
    // Drop the taken front once it is the larger half, so that taking stays O(1) on average.
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  get empty(): boolean {
    return this.#head === this.#items.length;
  }
}

/**
 * A queue that is fair to those who fill it: of each lane one item in turn, so that whoever puts in many waits for
 * itself and nobody else does. Within a lane the order is kept. Items without a lane go before all others.
 */
export class FairQueue<T> {
  #first: T[] = [];
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #weigh: (item: T) => number;
  #inLanes = 0;

  /** @param weigh how many items an item of a lane is worth; 1 by default */
  constructor(weigh: (item: T) => number = () => 1) {
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#first.length + this.#inLanes;
  }

  push(item: T, name: string | undefined): void {
    if (name === undefined) {
      this.#first.push(item);
      return;
    }
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new Lane();
      this.#lanes.set(name, lane);
    }
    lane.push(item);
    this.#inLanes++;
  }

  /** Removes and returns at most `firstMax` items without a lane, then of the lanes until these weigh `lanesMax`. */
  take(firstMax: number, lanesMax: number): T[] {
    const taken = this.#first.slice(0, firstMax);
    this.#first = this.#first.slice(firstMax);
    for (let left = lanesMax; left > 0; ) {
      const [next] = this.#lanes;
      if (next === undefined) break;
      const [name, lane] = next;
      const item = lane.take();
      taken.push(item);
      left -= this.#weigh(item);
      this.#inLanes--;
      // To the end of the row; a lane that is empty leaves it.
      this.#lanes.delete(name);
      if (!lane.empty) this.#lanes.set(name, lane);
    }
    return taken;
  }
}
