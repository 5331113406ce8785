import type { Database } from "better-sqlite3";
import type { SubmitRange } from "../model/submits.ts";
import { rangeOf, type SubmitRow } from "./stored-rows.ts";

/** The table of what producers have submitted. */
export class SqliteSubmits {
  readonly #select;
  readonly #selectOpen;

  constructor(db: Database) {
    this.#select = db.prepare<
      Record<"session" | "producer" | "first" | "end" | "rows", string | number>,
      SubmitRow
    >(
      `SELECT * FROM submits WHERE session_id = :session AND producer = :producer AND first_number < :end
         AND first_number >= coalesce((SELECT max(first_number) FROM submits
           WHERE session_id = :session AND producer = :producer AND first_number <= :first), 0)
         AND first_number + count > :first ORDER BY first_number LIMIT :rows`,
    );
    this.#selectOpen = db.prepare<[], SubmitRow>(
      `SELECT u.* FROM submits u JOIN sessions s ON s.id = u.session_id WHERE s.state = 'Open'
       ORDER BY u.session_id, u.producer, u.first_number`,
    );
  }

  /** The first ranges that have a number from `first` on and before `end`. */
  of(
    session: string,
    producer: string,
    { first, end }: { readonly first: number; readonly end: number },
    rows: number,
  ): SubmitRange[] {
    return this.#select.all({ session, producer, first, end, rows }).map(rangeOf);
  }

  ofOpenSessions(): SubmitRange[] {
    return this.#selectOpen.all().map(rangeOf);
  }
}
