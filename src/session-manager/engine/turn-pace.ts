import type { Clock, Timer } from "../../kit/clock.ts";
import type { UnsettledTurns } from "./unsettled-turns.ts";

/**
 * While a commit is under way, turns are carried out for the next one no more often than this, in milliseconds: a few large
 * turns cost less than many small ones.
 */
const gatherMs = 1;

export interface TurnPaceDeps {
  readonly clock: Pick<Clock, "steady" | "after">;
  readonly unsettled: UnsettledTurns;
  /** Whether a turn has to wait for the commit under way. */
  readonly oneByOne: () => boolean;
}

/** Says when the next turn is carried out. */
export class TurnPace {
  readonly #deps: TurnPaceDeps;
  #lastTurnAt = Number.NEGATIVE_INFINITY;
  #planned: Timer | undefined;
  #goOn: (() => void) | undefined;

  constructor(deps: TurnPaceDeps) {
    this.#deps = deps;
  }

  /** A turn was just carried out. */
  noteTurn(): void {
    this.#lastTurnAt = this.#deps.clock.steady();
  }

  /** Whether a turn may be carried out now. */
  mayTurn(): boolean {
    return !this.#deps.unsettled.committing || (this.#mayGather() && this.#gatherInMs() <= 0);
  }

  /**
   * Lets replies out and the next requests in: one round of I/O, and beside a commit until it is done or another turn may be
   * carried out.
   * @param asked whether commands wait
   */
  async nextRound(asked: boolean): Promise<void> {
    const { unsettled } = this.#deps;
    if (unsettled.committing) {
      await this.#ripe(asked);
      // The disk is not to wait for what comes next when it has something to do.
      if (!unsettled.none) return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The commit under way has ended, or another turn may be carried out beside it. */
  async #ripe(asked: boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
      if (asked) this.commandCame();
    });
    this.#goOn = undefined;
    this.#planned?.cancel();
    this.#planned = undefined;
  }

  /** There is something to do for a turn. */
  commandCame(): void {
    const goOn = this.#goOn;
    if (goOn === undefined || this.#planned !== undefined || !this.#mayGather()) return;
    // At the earliest after this round of I/O.
    this.#planned = this.#deps.clock.after(Math.max(0, this.#gatherInMs()), goOn);
  }

  /** The commit under way has ended. */
  commitEnded(): void {
    this.#goOn?.();
  }

  #mayGather(): boolean {
    return !this.#deps.oneByOne() && !this.#deps.unsettled.full;
  }

  #gatherInMs(): number {
    return this.#lastTurnAt + gatherMs - this.#deps.clock.steady();
  }
}
