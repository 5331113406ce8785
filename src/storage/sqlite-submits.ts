import type { Database } from "better-sqlite3";
import type { NumberSpan, SubmitRange } from "../model/submits.ts";

interface Row {
  readonly session_id: string;
  readonly producer: string;
  readonly first_number: number;
  readonly first_task: number;
  readonly count: number;
}

/** The table of what producers have submitted. */
export class SqliteSubmits {
  readonly #select;
  readonly #selectWithin;
  readonly #selectOpen;

  constructor(db: Database) {
    this.#select = db.prepare<[string, string], Row>(
      "SELECT * FROM submits WHERE session_id = ? AND producer = ? ORDER BY first_number",
    );
    this.#selectWithin = db.prepare<
      Record<"session" | "producer" | "first" | "end", string | number>,
      Row
    >(
      `SELECT * FROM submits WHERE session_id = :session AND producer = :producer AND first_number < :end
         AND first_number >= coalesce((SELECT max(first_number) FROM submits
           WHERE session_id = :session AND producer = :producer AND first_number <= :first), 0) ORDER BY first_number`,
    );
    this.#selectOpen = db.prepare<[], Row>(
      `SELECT u.* FROM submits u JOIN sessions s ON s.id = u.session_id WHERE s.state = 'Open'
       ORDER BY u.session_id, u.producer, u.first_number`,
    );
  }

  of(sessionId: string, producer: string, within?: NumberSpan): SubmitRange[] {
    if (within === undefined) return this.#select.all(sessionId, producer).map(rangeOf);
    const { first, count } = within;
    const rows = this.#selectWithin.all({
      session: sessionId,
      producer,
      first,
      end: first + count,
    });
    return rows.map(rangeOf).filter((range) => range.first + range.count > first);
  }

  ofOpenSessions(): SubmitRange[] {
    return this.#selectOpen.all().map(rangeOf);
  }
}

function rangeOf(row: Row): SubmitRange {
  return {
    sessionId: row.session_id,
    producer: row.producer,
    first: row.first_number,
    firstTask: row.first_task,
    count: row.count,
  };
}
