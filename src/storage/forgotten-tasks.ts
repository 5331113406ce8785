import type { Aged, Cursor } from "./forgetting.ts";

/** What is known of a session that has forgotten tasks. */
interface Forgotten {
  readonly count: number;
  readonly cursor: Cursor;
}

/** A row of the database that says how many tasks a session has forgotten, and how far it was looked through. */
export interface ForgottenRow {
  readonly id: string;
  readonly count: number;
  readonly through: number;
}

/** A row of the database with a task as far as its age is looked at. */
export interface AgedRow {
  readonly id: number;
  readonly completion_time: number | null;
  readonly bytes: number;
}

const NONE: Forgotten = { count: 0, cursor: { through: 0, behind: 0 } };

/** How many tasks each session has forgotten, and where the next look begins. */
export class ForgottenTasks {
  /** Sessions that have forgotten some. */
  readonly #sessions = new Map<string, Forgotten>();

  /** What the database has. */
  load(rows: readonly ForgottenRow[]): void {
    this.#sessions.clear();
    for (const { id, count, through } of rows)
      this.#sessions.set(id, { count, cursor: { through, behind: 0 } });
  }

  of(id: string): Forgotten {
    return this.#sessions.get(id) ?? NONE;
  }

  /** A commit that forgot some of the session's tasks is durable. */
  set(id: string, forgotten: Forgotten): void {
    this.#sessions.set(id, forgotten);
  }

  /** The session was deleted: a later one of that id has forgotten nothing. */
  drop(id: string): void {
    this.#sessions.delete(id);
  }
}

/** The task that a row tells of. */
export function agedOf({ id, completion_time: time, bytes }: AgedRow): Aged {
  return { id, bytes, ...(time !== null && { completionTime: time }) };
}
