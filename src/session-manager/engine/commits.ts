import { startStopwatch } from "../../kit/stopwatch.ts";
import type { Change } from "../../model/change.ts";
import type { Store } from "../../storage/store.ts";
import { type Leaving, UnsettledTurns } from "./unsettled-turns.ts";

export interface CommitsDeps {
  readonly store: Pick<Store, "commit">;
  /** Told of each commit once it is durable, before anything of it leaves. */
  readonly onDurable: (changes: readonly Change[], seconds: number) => void;
  readonly release: (leaving: Leaving) => void;
  /** Told when a commit has ended, well or not. */
  readonly onEnd: () => void;
}

/** Makes turns durable, one commit after the other, and lets out what they have to say. */
export class Commits {
  readonly unsettled = new UnsettledTurns();
  readonly #deps: CommitsDeps;
  #failure: { readonly thrown: unknown } | undefined;

  constructor(deps: CommitsDeps) {
    this.#deps = deps;
  }

  /** Begins the next one, when none is under way and there is something to write. */
  begin(): void {
    const changes = this.unsettled.begin();
    if (changes === undefined) return;
    const committing = startStopwatch();
    void this.#deps.store
      .commit(changes)
      .then(() => {
        this.#deps.onDurable(changes, committing());
        for (const leaving of this.unsettled.settle()) this.#deps.release(leaving);
      })
      .catch((thrown: unknown) => {
        this.#failure = { thrown };
        this.unsettled.drop();
      })
      .then(this.#deps.onEnd);
  }

  /** @returns once, what the last commit threw: nothing of it has happened, nor of the turns after it */
  takeFailure(): { readonly thrown: unknown } | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
}
