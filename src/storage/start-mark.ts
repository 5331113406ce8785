import { hostname } from "node:os";
import type { Database, Statement } from "better-sqlite3";
import { randomId } from "../kit/ids.ts";
import { FlameError } from "../model/errors.ts";
import type { LockOwner } from "./life-lock.ts";

interface StartRow {
  readonly number: number;
  /** Random: two that start at once where locks lie may count to the same number. */
  readonly id: string;
  readonly who: string;
  readonly time: number;
}

/**
 * What this start wrote into the database: its number and who it is. As long as it is what a commit reads, nobody else
 * has started on the database since. It catches what a lock cannot: file systems whose locks lie, and a lock file
 * that was removed.
 */
export class StartMark {
  readonly #own: StartRow;
  readonly #file: string;
  readonly #read: Statement<[], StartRow>;

  /** Counts this start. */
  constructor(database: Database, { program, home }: LockOwner, now: number) {
    this.#file = database.name;
    this.#read = database.prepare<[], StartRow>("SELECT number, id, who, time FROM start");
    const homeText = home === undefined ? "" : `, FLAME_HOME "${home}"`;
    const who = `${program} (process ${process.pid} on host "${hostname()}"${homeText})`;
    const write = database.prepare(
      "UPDATE start SET number = number + 1, id = ?, who = ?, time = ?",
    );
    const count = database.transaction(() => {
      write.run(randomId(), who, now);
      return this.#present();
    });
    this.#own = count.immediate();
  }

  /** What no other start has. */
  get id(): string {
    return this.#own.id;
  }

  /** How often a session manager has started on the database, this start included. */
  get number(): number {
    return this.#own.number;
  }

  /**
   * Called inside each transaction that writes.
   * @throws FlameError aborted naming who has started on the database since.
   */
  check(): void {
    const present = this.#present();
    if (present.id === this.#own.id) return;
    throw new FlameError(
      "aborted",
      `the database ${this.#file} belongs to another one by now: ${present.who} started on it at ` +
        `${new Date(present.time).toISOString()} (start ${present.number}, this is start ${this.#own.number}); ` +
        "nothing was written. Its lock did not keep them apart: was the lock file removed, or does the file system " +
        "not know locks? Give each session manager a cluster.storage of its own, and let one of them run",
    );
  }

  #present(): StartRow {
    const row = this.#read.get();
    if (row !== undefined) return row;
    throw new FlameError(
      "aborted",
      `the database ${this.#file} has lost the row that counts starts`,
    );
  }
}
