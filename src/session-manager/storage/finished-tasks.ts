import type { Clock, Timer } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import { textOf } from "../../kit/thrown.ts";
import type { Change } from "../../model/change.ts";
import { FlameError } from "../../model/errors.ts";
import type { TaskCounts } from "../../model/session.ts";
import { forgottenAtOnceMax } from "../../storage/forgetting.ts";
import type { Store, StoredSession } from "../../storage/store.ts";

/**
 * Before each piece others have the event loop and the disk for as long as the last piece took, and at least so long: what
 * ends meanwhile goes with it, so that a busy session with a small limit pays for few transactions.
 */
const pauseMsMin = 50;

/** Pause after a piece that failed, in milliseconds: the disk may be full for a while. */
const retryMs = 30_000;

export interface FinishedTasksDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Finished tasks that an open session keeps (`cluster.limits.finished_tasks_kept`). */
  readonly kept: number;
  readonly isOpen: (sessionId: string) => boolean;
}

/** So many tasks wait for being forgotten: a tenth of what is kept, so that few are kept beyond it and few deletions are made. */
export function forgottenTogether(kept: number): number {
  return Math.min(forgottenAtOnceMax, Math.ceil(kept / 10));
}

/**
 * Forgets the finished tasks of open sessions beyond those that are kept, those that ended first. It follows the counts
 * that were made durable, so that nothing is done for sessions that have no more than that; and it deletes in transactions
 * of its own, a piece at a time, so that no commit of a task carries a deletion.
 */
export class FinishedTasks {
  readonly #deps: FinishedTasksDeps;
  readonly #piece: number;
  /** Sessions with a piece or more to forget, and how many of their tasks have ended. */
  readonly #due = new Map<string, number>();
  /** Of these, those in which a look came to the end without finding any: the next one begins at the start. */
  readonly #vain = new Set<string>();
  /** Tasks that somebody is about to be sent, and by how many. */
  readonly #held = new Map<string, number>();
  /** Who else is about to send tasks of a session, and which. */
  readonly #holders = new Map<string, Set<(taskId: number) => boolean>>();
  #timer: Timer | undefined;
  #running = false;
  #failing = false;
  #closed = false;

  /** @param sessions as the store has them: an earlier process may have kept more */
  constructor(deps: FinishedTasksDeps, sessions: readonly StoredSession[]) {
    this.#deps = deps;
    this.#piece = forgottenTogether(deps.kept);
    for (const { record, counts } of sessions)
      if (record.state === "Open") this.#note(record.id, counts);
  }

  /** Follows what was just made durable. */
  committed(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === "session.counts") {
        if (this.#deps.isOpen(change.id)) this.#note(change.id, change.counts);
      } else if (change.kind === "session.put" && change.record.state === "Closed")
        // A later session of that id is another.
        this.#drop(change.record.id);
    }
  }

  /** Keeps a task that somebody is about to be sent. @returns what lets it go again; called once */
  hold(sessionId: string, taskId: number): () => void {
    const key = keyOf(sessionId, taskId);
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#held.get(key) ?? 1) - 1;
      if (left === 0) this.#held.delete(key);
      else this.#held.set(key, left);
    };
  }

  /** Keeps those tasks of a session for which `isHeld`, now and later. @returns lets them go again; called once */
  holdWhere(sessionId: string, isHeld: (taskId: number) => boolean): () => void {
    const holders = this.#holders.get(sessionId) ?? new Set();
    this.#holders.set(sessionId, holders.add(isHeld));
    return () => {
      holders.delete(isHeld);
      if (holders.size === 0 && this.#holders.get(sessionId) === holders)
        this.#holders.delete(sessionId);
    };
  }

  #isHeld(sessionId: string, taskId: number): boolean {
    if (this.#held.has(keyOf(sessionId, taskId))) return true;
    for (const isHeld of this.#holders.get(sessionId) ?? []) if (isHeld(taskId)) return true;
    return false;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #note(id: string, { succeed, failed, cancelled }: Readonly<TaskCounts>): void {
    const ended = succeed + failed + cancelled;
    if (this.#excess(id, ended) < this.#piece) return;
    this.#due.set(id, ended);
    if (this.#timer === undefined && !this.#running) this.#arm(pauseMsMin);
  }

  #drop(id: string): void {
    this.#due.delete(id);
    this.#vain.delete(id);
  }

  #excess(id: string, ended: number): number {
    const { kept, store } = this.#deps;
    return ended <= kept ? 0 : ended - store.forgotten(id) - kept;
  }

  #arm(delayMs: number): void {
    if (this.#closed) return;
    this.#timer = this.#deps.clock.after(delayMs, () => void this.#forget());
  }

  async #forget(): Promise<void> {
    const { clock, logger } = this.#deps;
    this.#running = true;
    const begun = clock.steady();
    let pause = retryMs;
    try {
      await this.#forgetPiece();
      pause = Math.max(pauseMsMin, clock.steady() - begun);
      this.#failing = false;
    } catch (thrown) {
      if (!this.#failing && !this.#closed)
        logger.warn({ reason: textOf(thrown) }, "finished tasks are forgotten later");
      this.#failing = true;
    }
    this.#running = false;
    this.#timer = undefined;
    if (this.#due.size > 0) this.#arm(pause);
  }

  /** One piece of the session that has waited longest. */
  async #forgetPiece(): Promise<void> {
    const [first] = this.#due;
    if (first === undefined) return;
    const [id] = first;
    const excess = this.#excessOf(id);
    if (excess < this.#piece) {
      this.#drop(id);
      return;
    }
    const { store } = this.#deps;
    const before = store.forgotten(id);
    const isHeld = (taskId: number): boolean => this.#isHeld(id, taskId);
    const isVain = await store.forgetFinished(id, Math.min(excess, forgottenAtOnceMax), isHeld);
    const ended = this.#due.get(id) ?? 0;
    this.#due.delete(id);
    if (store.forgotten(id) > before) this.#vain.delete(id);
    // All others are held: they are looked for again with the next task that ends.
    const isAll = isVain && this.#vain.has(id);
    if (isVain) this.#vain.add(id);
    // Behind those that have waited meanwhile.
    if (!isAll && this.#excessOf(id, ended) >= this.#piece) this.#due.set(id, ended);
    else this.#vain.delete(id);
  }

  #excessOf(id: string, ended = this.#due.get(id) ?? 0): number {
    // A closed session keeps what it has.
    return this.#deps.isOpen(id) ? this.#excess(id, ended) : 0;
  }
}

/** What to answer whoever asks for a task that is no longer kept. */
export function forgottenTask(sessionId: string, taskId: number, kept: number): FlameError {
  return new FlameError(
    "not_found",
    `task ${taskId} of session ${sessionId} has ended and was forgotten: an open session keeps the ${kept} tasks that ended last (cluster.limits.finished_tasks_kept); read results as they come, or raise the limit`,
  );
}

function keyOf(sessionId: string, taskId: number): string {
  return `${taskId}/${sessionId}`;
}
