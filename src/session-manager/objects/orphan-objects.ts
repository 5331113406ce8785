import type { Clock, Timer } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import { textOf } from "../../kit/thrown.ts";

/** An object of the cache, as far as the sweep looks at it. */
export interface ListedObject {
  /** `<application>/<session>/<object>` */
  readonly key: string;
  /** Milliseconds since an object of its session was last put or asked for; undefined when the cache does not tell. */
  readonly idleMs: number | undefined;
}

export interface OrphanObjectsDeps {
  readonly listObjects: () => Promise<readonly ListedObject[]>;
  /** Deletes everything below each `<application>/<session>`. */
  readonly deleteObjects: (prefixes: readonly string[]) => Promise<void>;
  /** Whether there is a record of the session, open or closed. */
  readonly isKnown: (session: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long nobody must have used them; 0 keeps them for good. */
  readonly retentionMs: number;
}

/** Below keys `<application>/pkg/...` and `<application>/shared/...` are no session's objects; `*` is every session. */
const notSessions = new Set(["pkg", "shared", "*"]);

/** Sessions whose objects are deleted with one call. */
const sessionsAtOnce = 1_000;

/** Bounds of the pause between two sweeps, in milliseconds. */
const pauseMin = 1_000;
const pauseMax = 3_600_000;

/**
 * Removes what crashed sessions left in the object cache (docs/object-cache.md, section 10): objects whose session has
 * no record, because its client died before it created it, or the record was lost with a database. They cannot be told
 * from objects that somebody keeps there on purpose, so only those go that nobody has used for a long time.
 */
export class OrphanObjects {
  readonly #deps: OrphanObjectsDeps;
  readonly #pauseMs: number;
  #timer: Timer | undefined;
  #closed = false;

  constructor(deps: OrphanObjectsDeps) {
    this.#deps = deps;
    this.#pauseMs = Math.min(Math.max(deps.retentionMs / 4, pauseMin), pauseMax);
    if (deps.retentionMs > 0) this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#closed) return;
    this.#timer = this.#deps.clock.after(this.#pauseMs, () => {
      void this.#sweep().finally(() => this.#arm());
    });
  }

  async #sweep(): Promise<void> {
    const { listObjects, deleteObjects, isKnown, logger, retentionMs } = this.#deps;
    try {
      const unused = [...youngestUse(await listObjects())]
        .filter(([, idleMs]) => idleMs >= retentionMs)
        .map(([prefix]) => prefix);
      for (let at = 0; at < unused.length; at += sessionsAtOnce) {
        // Asked just before the deletion: the session may have been created since the list was made.
        const orphans = unused.slice(at, at + sessionsAtOnce).filter((prefix) => {
          const session = prefix.slice(prefix.indexOf("/") + 1);
          return !notSessions.has(session) && !isKnown(session);
        });
        if (orphans.length === 0) continue;
        await deleteObjects(orphans);
        const fields = { sessions: orphans.length, some: orphans.slice(0, 10) };
        logger.info(fields, "deleted objects of sessions that are unknown");
      }
    } catch (thrown) {
      if (!this.#closed) {
        logger.debug(
          { reason: textOf(thrown) },
          "objects of unknown sessions are looked for later",
        );
      }
    }
  }
}

/**
 * Per `<application>/<session>`, how long ago any object of it was used.
 * Those of which the cache tells nothing count as in use.
 */
function youngestUse(objects: readonly ListedObject[]): Map<string, number> {
  const sessions = new Map<string, number>();
  for (const { key, idleMs = 0 } of objects) {
    const [application = "", session = ""] = key.split("/");
    const prefix = `${application}/${session}`;
    sessions.set(prefix, Math.min(sessions.get(prefix) ?? Number.POSITIVE_INFINITY, idleMs));
  }
  return sessions;
}
