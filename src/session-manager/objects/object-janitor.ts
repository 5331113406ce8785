import type { Clock, Timer } from "../../kit/clock.ts";
import { DeadlineQueue } from "../../kit/deadline-queue.ts";
import type { Logger } from "../../kit/logger.ts";
import { textOf } from "../../kit/thrown.ts";
import type { Change } from "../../model/change.ts";
import type { SessionRecord } from "../../model/session.ts";

/** Below keys `<application>/pkg/...` and `<application>/shared/...` are no session's objects; `*` is every session. */
const notSessions = new Set(["pkg", "shared", "*"]);

/** Sessions whose objects are deleted with one call. */
const sessionsAtOnce = 1_000;

/** Pause after a call that failed, in milliseconds: the object cache may be away for a while. */
const retryMs = 30_000;

export interface ObjectJanitorDeps {
  /** Deletes everything below each `<application>/<session>` in the object cache; succeeds when there is nothing. */
  readonly deleteObjects: (prefixes: readonly string[]) => Promise<void>;
  /** Remembers of closed sessions that their objects are gone, so that the next start does not ask again. */
  readonly remember: (sessions: readonly string[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the objects of a closed session are kept: references that clients hold resolve so long. */
  readonly retentionMs: number;
}

/** A session as it was last written: a later one of the same id is another. */
interface Followed {
  readonly application: string;
  readonly isDeleted: boolean;
}

/**
 * Removes the objects of sessions from the object cache: with the session's record, or `cache.retention` after it was
 * closed. It only follows what is durable, and begins anew from those closed sessions at each start whose objects were
 * not deleted yet, so a crash leaves nothing behind.
 */
export class ObjectJanitor {
  readonly #deps: ObjectJanitorDeps;
  /** Every session whose objects may still be there, or come back while it has a record. */
  readonly #sessions = new Map<string, Followed>();
  readonly #due = new DeadlineQueue<"session", string>();
  #running = false;
  /** After a failure: steady milliseconds before which nothing is asked. */
  #notBefore = Number.NEGATIVE_INFINITY;
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
    let isNoted = false;
    for (const change of changes) {
      if (change.kind === "session.put") this.#note(change.record);
      else if (change.kind === "session.delete") this.#noteDeletion(change.id);
      else continue;
      isNoted = true;
    }
    if (isNoted) this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #note({ id, application, completionTime, objectsDeleted }: SessionRecord): void {
    if (notSessions.has(id)) return;
    this.#sessions.set(id, { application, isDeleted: false });
    // A new session of an old id keeps its objects: what was planned for the old one is dropped.
    if (completionTime === undefined || objectsDeleted === true) this.#due.clear("session", id);
    else {
      const { clock, retentionMs } = this.#deps;
      // The date may have been set back since: nothing is kept for longer than retention says.
      const age = Math.max(0, clock.now() - completionTime);
      this.#due.set("session", id, clock.steady() + Math.max(0, retentionMs - age));
    }
  }

  #noteDeletion(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.set(id, { ...session, isDeleted: true });
    this.#due.set("session", id, this.#deps.clock.steady());
  }

  #arm(): void {
    this.#timer?.cancel();
    const next = this.#due.next();
    if (this.#closed || this.#running || next === undefined) return;
    const { clock } = this.#deps;
    const at = Math.max(next, this.#notBefore);
    this.#timer = clock.after(Math.max(0, at - clock.steady()), () => void this.#sweep());
  }

  async #sweep(): Promise<void> {
    const asked = new Map<string, Followed>();
    for (const { id } of this.#due.takeDue(this.#deps.clock.steady(), sessionsAtOnce)) {
      const session = this.#sessions.get(id);
      if (session !== undefined) asked.set(id, session);
    }
    this.#running = true;
    if (asked.size > 0) await this.#delete(asked);
    this.#running = false;
    this.#arm();
  }

  async #delete(asked: ReadonlyMap<string, Followed>): Promise<void> {
    const { deleteObjects, clock, logger } = this.#deps;
    try {
      await deleteObjects([...asked].map(([id, { application }]) => `${application}/${id}`));
      this.#failing = false;
      await this.#remember(this.#unchanged(asked));
    } catch (thrown) {
      const now = clock.steady();
      this.#notBefore = now + retryMs;
      for (const id of this.#unchanged(asked).keys()) this.#due.set("session", id, now);
      // Once for each outage, not once for each session.
      if (!this.#failing && !this.#closed) {
        const reason = textOf(thrown);
        logger.warn(
          { sessions: asked.size, reason },
          "the objects of closed sessions are deleted later",
        );
      }
      this.#failing = true;
    }
  }

  /** Those that nothing was written of meanwhile. */
  #unchanged(asked: ReadonlyMap<string, Followed>): Map<string, Followed> {
    return new Map([...asked].filter(([id, session]) => this.#sessions.get(id) === session));
  }

  async #remember(gone: ReadonlyMap<string, Followed>): Promise<void> {
    const kept: string[] = [];
    for (const [id, { isDeleted }] of gone) {
      if (isDeleted) this.#sessions.delete(id);
      else kept.push(id);
    }
    // The session manager may be ending: then the next start asks once more.
    if (kept.length > 0) await this.#deps.remember(kept).catch(() => undefined);
  }
}
