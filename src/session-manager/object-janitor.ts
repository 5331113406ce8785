import type { Clock, Timer } from "../kit/clock.ts";
import { DeadlineQueue } from "../kit/deadline-queue.ts";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import type { Change } from "../model/change.ts";
import type { SessionRecord } from "../model/session.ts";

/** Keys `<application>/pkg/...` and `<application>/shared/...` belong to no session, whatever its id. */
const notSessions = new Set(["pkg", "shared"]);

/** Deletions under way at once. */
const deletionsMax = 4;

/** Pause after a deletion that failed, in milliseconds: the object cache may be away for a while. */
const retryMs = 30_000;

export interface ObjectJanitorDeps {
  /** Deletes everything below `<application>/<session>` in the object cache; succeeds when there is nothing. */
  readonly deleteObjects: (prefix: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the objects of a closed session are kept: references that clients hold resolve so long. */
  readonly retentionMs: number;
}

/**
 * Removes the objects of sessions from the object cache: with the session's record, or `cache.retention` after it was
 * closed. It only follows what is durable, and begins anew from the closed sessions at each start, so a crash leaves
 * nothing behind.
 */
export class ObjectJanitor {
  readonly #deps: ObjectJanitorDeps;
  /** Application of every session whose objects may still be there. */
  readonly #applications = new Map<string, string>();
  readonly #due = new DeadlineQueue<string>();
  #running = 0;
  #failing = false;
  #closed = false;
  #timer: Timer | undefined;

  constructor(deps: ObjectJanitorDeps, sessions: readonly SessionRecord[]) {
    this.#deps = deps;
    for (const session of sessions) this.#note(session);
    this.#arm();
  }

  /** Follows what was just made durable. */
  committed(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === "session.put") this.#note(change.record);
      else if (change.kind === "session.delete" && this.#applications.has(change.id))
        this.#due.set(change.id, this.#deps.clock.steady());
    }
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #note({ id, application, completionTime }: SessionRecord): void {
    if (notSessions.has(id)) return;
    this.#applications.set(id, application);
    // A new session of an old id keeps its objects: what was planned for the old one is dropped.
    if (completionTime === undefined) this.#due.clear(id);
    else {
      const { clock, retentionMs } = this.#deps;
      // The date may have been set back since: nothing is kept for longer than retention says.
      const age = Math.max(0, clock.now() - completionTime);
      this.#due.set(id, clock.steady() + Math.max(0, retentionMs - age));
    }
  }

  #arm(): void {
    this.#timer?.cancel();
    const next = this.#due.next();
    if (this.#closed || next === undefined || this.#running >= deletionsMax) return;
    const { clock } = this.#deps;
    this.#timer = clock.after(Math.max(0, next - clock.steady()), () => {
      this.#sweep();
    });
  }

  #sweep(): void {
    const now = this.#deps.clock.steady();
    const due = this.#due.takeDue(now);
    const free = deletionsMax - this.#running;
    for (const id of due.slice(free)) this.#due.set(id, now);
    for (const id of due.slice(0, free)) void this.#delete(id);
    this.#arm();
  }

  async #delete(id: string): Promise<void> {
    const application = this.#applications.get(id);
    if (application === undefined) return;
    this.#running++;
    const { deleteObjects, clock, logger } = this.#deps;
    try {
      await deleteObjects(`${application}/${id}`);
      this.#applications.delete(id);
      this.#failing = false;
    } catch (thrown) {
      this.#due.set(id, clock.steady() + retryMs);
      // Once for each outage, not once for each session.
      if (!this.#failing && !this.#closed) {
        const reason = textOf(thrown);
        logger.warn({ session: id, reason }, "the objects of a closed session are deleted later");
      }
      this.#failing = true;
    } finally {
      this.#running--;
      this.#arm();
    }
  }
}
