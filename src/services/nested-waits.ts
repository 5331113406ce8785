import type { Clock, Timer } from "../kit/clock.ts";

/**
 * A wait that is over sooner, in milliseconds, is not told: the executor manager would make nothing of it (docs/protocol.md,
 * 32.2).
 */
const SHORT_MS = 5;

/** A wait has ended; only the first call of it counts. */
export type EndWait = () => void;

const nothing: EndWait = () => undefined;

/**
 * What the task that runs in this process waits for, as its executor manager is told (docs/protocol.md, "Nested sessions").
 * Whoever waits in the process counts as the task, since there is one at a time: a wait that was missed would hold its room
 * forever, while one too many only lends it.
 */
export class NestedWaits {
  readonly #clock: Pick<Clock, "after">;
  readonly #tell: (sessionIds: readonly string[]) => void;
  #runs = false;
  /** Waits by session. A task gets a map of its own, so that waits of earlier ones end in theirs. */
  #counts = new Map<string, number>();
  #isTold = false;
  #timer: Timer | undefined;

  /** @param tell takes the sessions whose tasks are waited for; none: the task goes on */
  constructor(clock: Pick<Clock, "after">, tell: (sessionIds: readonly string[]) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  taskBegins(): void {
    this.#runs = true;
  }

  /** The executor manager knows then that nothing is waited for. */
  taskEnds(): void {
    this.#runs = false;
    this.#isTold = false;
    if (this.#counts.size > 0) this.#counts = new Map();
  }

  /** A task of the session is waited for. @returns to be called when it is not any more, before anybody goes on */
  begin(sessionId: string): EndWait {
    if (!this.#runs) return nothing;
    const counts = this.#counts;
    const count = counts.get(sessionId) ?? 0;
    counts.set(sessionId, count + 1);
    if (count === 0) this.#tellSoon();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#end(counts, sessionId);
    };
  }

  #end(counts: Map<string, number>, sessionId: string): void {
    const count = counts.get(sessionId) ?? 0;
    if (count > 1) counts.set(sessionId, count - 1);
    else counts.delete(sessionId);
    if (count > 1 || counts !== this.#counts || !this.#isTold) return;
    if (counts.size > 0) this.#tellSoon();
    else {
      // At once: the task may compute for long without letting a timer run.
      this.#isTold = false;
      this.#tell([]);
    }
  }

  #tellSoon(): void {
    this.#timer ??= this.#clock.after(SHORT_MS, () => {
      this.#timer = undefined;
      if (!this.#runs || this.#counts.size === 0) return;
      this.#isTold = true;
      this.#tell([...this.#counts.keys()]);
    });
  }
}

let here: NestedWaits | undefined;

/** Has the waits of this process told from now on; undefined: no more. */
export function tellNestedWaits(waits: NestedWaits | undefined): void {
  here = waits;
}

/** As {@link NestedWaits.begin}, in whichever process; outside of a service it is nothing. */
export function beginNestedWait(sessionId: string): EndWait {
  return here?.begin(sessionId) ?? nothing;
}
