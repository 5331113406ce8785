import { CommitThread, type CommitThreadOptions } from "./commit-thread.ts";

/** Pages in the log from which on it is folded into the database: a hot page is then written there once for many. */
export const logPagesFolded = 2_000;

/** Pages in the log from which on commits wait for the folding under way: without that it could grow without end. */
const logPagesMax = 4 * logPagesFolded;

/**
 * Folds the log into the database beside the commits, in a thread of its own. What came meanwhile is folded between two
 * commits: the next one then begins a log anew of which nothing is left.
 */
export class LogFolding {
  readonly #thread: CommitThread;
  readonly #foldRest: () => Promise<void>;
  #pages = 0;
  #isUnderWay = false;
  #beside: Promise<void> | undefined;

  /** @param foldRest folds what is left while no commit is under way */
  constructor(options: CommitThreadOptions, foldRest: () => Promise<void>) {
    this.#thread = new CommitThread(options);
    this.#foldRest = foldRest;
  }

  /** A commit has left a log of so many pages. What fails shows with the next commit. */
  committed(pages: number): void {
    this.#pages = pages;
    if (pages < logPagesFolded || this.#isUnderWay) return;
    this.#isUnderWay = true;
    this.#beside = this.#thread.checkpoint().catch(() => undefined);
    void this.#beside
      .then(() => {
        this.#beside = undefined;
        return this.#foldRest();
      })
      .catch(() => undefined)
      .finally(() => {
        this.#isUnderWay = false;
      });
  }

  /** Resolves when the log may grow by another commit. */
  async room(): Promise<void> {
    if (this.#pages >= logPagesMax) await this.#beside;
  }

  /** Resolves when nothing is folded beside the commits. To be awaited where no commit can end meanwhile. */
  async paused(): Promise<void> {
    await this.#beside;
  }

  /** As {@link paused}, for good. */
  async close(): Promise<void> {
    await this.#beside;
    await this.#thread.close();
  }
}
