import type { SessionEntry } from "./session-entry.ts";

const none: ReadonlyMap<string, SessionEntry> = new Map();

/** Sessions by the application that they were created with, told of every change: nobody has to walk all of them. */
export class SessionsByApplication {
  readonly #open = new Map<string, Map<string, SessionEntry>>();
  readonly #closed = new Map<string, Map<string, SessionEntry>>();

  /** The open sessions of an application, by id. */
  openOf(application: string): ReadonlyMap<string, SessionEntry> {
    return this.#open.get(application) ?? none;
  }

  /** The closed sessions of an application, by id. */
  closedOf(application: string): ReadonlyMap<string, SessionEntry> {
    return this.#closed.get(application) ?? none;
  }

  /** The applications that have closed sessions. */
  withClosed(): IterableIterator<string> {
    return this.#closed.keys();
  }

  add(entry: SessionEntry): void {
    const { id, application, state } = entry.record;
    const side = state === "Open" ? this.#open : this.#closed;
    const sessions = side.get(application) ?? new Map<string, SessionEntry>();
    side.set(application, sessions.set(id, entry));
  }

  /** Takes out what was added while it was in that state. */
  remove({ record: { id, application, state } }: SessionEntry): void {
    const side = state === "Open" ? this.#open : this.#closed;
    const sessions = side.get(application);
    if (sessions?.delete(id) === true && sessions.size === 0) side.delete(application);
  }

  /** Takes all closed sessions of an application out. */
  removeClosed(application: string): ReadonlyMap<string, SessionEntry> {
    const sessions = this.closedOf(application);
    this.#closed.delete(application);
    return sessions;
  }
}
