import type { Random } from "../support/random.ts";

/** What the simulation found wrong; carries what led to it. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export interface Timer {
  cancel(): void;
}

interface Entry {
  readonly at: number;
  readonly order: number;
  action: (() => void | Promise<void>) | undefined;
}

const traceLines = 400;

/** Virtual time: what happens next is the earliest thing planned, and time jumps to it. No real timer is involved. */
export class World {
  now = 1_000_000;
  readonly random: Random;
  /** Faults happen; false in the calm at the end. */
  stormy = true;
  readonly #heap: Entry[] = [];
  readonly #trace: string[] = [];
  #order = 0;
  #dateAheadMs = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** What the session manager's machine believes the date to be, in Unix milliseconds: somebody sets it now and then. */
  get date(): number {
    return this.now + this.#dateAheadMs;
  }

  setDate(byMs: number): void {
    this.#dateAheadMs += byMs;
    this.note(`the date is set by ${byMs / 1000} s`);
  }

  /** Does `action` after `delayMs` of virtual time. */
  after(delayMs: number, action: () => void | Promise<void>): Timer {
    const entry: Entry = { at: this.now + Math.max(0, delayMs), order: this.#order++, action };
    this.#push(entry);
    return {
      cancel: () => {
        entry.action = undefined;
      },
    };
  }

  /** Goes on until `enough`, the moment `limit`, or nothing is planned any more. */
  async run(limit: number, enough: () => boolean): Promise<void> {
    while (!enough()) {
      const next = this.#heap[0];
      if (next === undefined || next.at > limit) return;
      this.#pop();
      if (next.action === undefined) continue;
      this.now = next.at;
      const doing = next.action();
      if (doing !== undefined) await doing;
    }
  }

  note(text: string): void {
    this.#trace.push(`${((this.now - 1_000_000) / 1000).toFixed(3)} ${text}`);
    if (this.#trace.length > 2 * traceLines) this.#trace.splice(0, traceLines);
  }

  /** The last things that were noted. */
  tail(lines: number): readonly string[] {
    return this.#trace.slice(-lines);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(heap[at] as Entry, heap[parent] as Entry)) return;
      [heap[at], heap[parent]] = [heap[parent] as Entry, heap[at] as Entry];
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && before(heap[child] as Entry, heap[first] as Entry))
          first = child;
      }
      if (first === at) return;
      [heap[at], heap[first]] = [heap[first] as Entry, heap[at] as Entry];
      at = first;
    }
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
