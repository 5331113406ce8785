import type { SessionEntry } from "./session-entry.ts";

/** Sessions of removed applications that are gone for everybody, and whose records are still to be deleted. */
export class LeavingSessions {
  readonly #byApplication = new Map<string, Map<string, SessionEntry>>();

  add(application: string, sessions: ReadonlyMap<string, SessionEntry>): void {
    this.#byApplication.set(application, sessions as Map<string, SessionEntry>);
  }

  /** The one of that id; applications that leave so many sessions that it takes a while are few. */
  find(id: string): SessionEntry | undefined {
    for (const sessions of this.#byApplication.values()) {
      const found = sessions.get(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Those of an application, at most `limit`. */
  *of(application: string, limit = Number.POSITIVE_INFINITY): Generator<SessionEntry> {
    let count = 0;
    for (const entry of this.#byApplication.get(application)?.values() ?? []) {
      if (count++ === limit) return;
      yield entry;
    }
  }

  has(application: string): boolean {
    return this.#byApplication.has(application);
  }

  delete({ record: { id, application } }: SessionEntry): void {
    const sessions = this.#byApplication.get(application);
    if (sessions?.delete(id) === true && sessions.size === 0)
      this.#byApplication.delete(application);
  }
}
