import type { Clock, Timer } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import { textOf } from "../../kit/thrown.ts";
import type { Change } from "../../model/change.ts";
import type { Store } from "../../storage/store.ts";

/** After each piece others have the event loop and the disk for as long as the piece took, and at least so long. */
const pauseMsMin = 2;

/** Pause after a piece that failed, in milliseconds: the disk may be full for a while. */
const retryMs = 30_000;

/**
 * Takes what deleted sessions left from the store, a piece at a time: a session of very many tasks is gone for everybody
 * with its deletion, and nobody is held while its bytes go.
 */
export class StoreCleaner {
  readonly #deps: { readonly store: Store; readonly clock: Clock; readonly logger: Logger };
  /** Who waits until nothing is left of a session, by its id. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #timer: Timer | undefined;
  #running = false;
  /** Somebody asked for it during a piece. */
  #again = false;
  #failing = false;
  #closed = false;

  constructor(deps: { readonly store: Store; readonly clock: Clock; readonly logger: Logger }) {
    this.#deps = deps;
    // An earlier process may have left something.
    this.#arm(0);
  }

  /** Follows what was just made durable. */
  committed(changes: readonly Change[]): void {
    const isDeletion = ({ kind }: Change): boolean =>
      kind === "session.delete" || kind === "application.delete";
    if (this.#timer === undefined && changes.some(isDeletion)) this.#arm(0);
  }

  /** Resolves when nothing is left of a session of that id that was deleted: at once, but for very large ones. */
  gone(sessionId: string): Promise<void> {
    if (this.#closed || this.#failing || !this.#deps.store.isLeaving(sessionId))
      return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.set(sessionId, [...(this.#waiting.get(sessionId) ?? []), resolve]);
      this.#arm(0);
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#answer(() => true);
  }

  #arm(delayMs: number): void {
    if (this.#closed) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(delayMs, () => void this.#piece());
  }

  async #piece(): Promise<void> {
    const { store, clock, logger } = this.#deps;
    this.#running = true;
    this.#again = false;
    this.#timer = undefined;
    const begun = clock.steady();
    let next: number | undefined;
    try {
      const more = await store.cleanUp(this.#waiting.keys().next().value);
      if (more) next = Math.max(pauseMsMin, clock.steady() - begun);
      this.#failing = false;
      this.#answer((id) => !store.isLeaving(id));
    } catch (thrown) {
      next = retryMs;
      if (!this.#failing && !this.#closed)
        logger.warn({ reason: textOf(thrown) }, "what deleted sessions left is deleted later");
      this.#failing = true;
      // A new session of the same id deletes the rest itself.
      this.#answer(() => true);
    }
    this.#running = false;
    if (next !== undefined) this.#arm(next);
    else if (this.#wantsAgain()) this.#arm(0);
  }

  #wantsAgain(): boolean {
    return this.#again;
  }

  #answer(isDone: (sessionId: string) => boolean): void {
    for (const [id, resolves] of this.#waiting) {
      if (!isDone(id)) continue;
      this.#waiting.delete(id);
      for (const resolve of resolves) resolve();
    }
  }
}
