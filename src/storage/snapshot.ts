import type { Database } from "better-sqlite3";

/** Keeps what a connection reads as it is, while another connection of this process commits. */
export class Snapshot {
  readonly #begin;
  readonly #look;
  readonly #end;
  #isKept = false;

  constructor(database: Database) {
    this.#begin = database.prepare("BEGIN");
    // Only the first read fixes what is seen.
    this.#look = database.prepare("SELECT number FROM start");
    this.#end = database.prepare("COMMIT");
  }

  keep(): void {
    this.#begin.run();
    this.#isKept = true;
    this.#look.get();
  }

  /** From now on the connection reads what is there. */
  release(): void {
    if (!this.#isKept) return;
    this.#isKept = false;
    this.#end.run();
  }
}
