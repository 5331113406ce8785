import { hostname } from "node:os";
import { randomId } from "../../kit/ids.ts";
import { FlameError } from "../../model/errors.ts";
import type { LockOwner } from "../life-lock.ts";
import { isRefusal, type Link } from "./link.ts";
import { type Statement, statement } from "./statement.ts";

/** Any number that others are not likely to lock in the same database. */
const lockKey = 0x464c_414d;

/** A lock of somebody whose connection ends just now is waited for so long, in milliseconds. */
const lockPatienceMs = 5_000;
const lockPauseMs = 100;

interface StartRow {
  readonly number: number;
  readonly id: string;
  readonly who: string;
  readonly time: number;
  readonly turn: number;
}

/** What is refused to whoever is not the latest that has started on a database. */
export const foreignCode = "FL001";

/**
 * Whose the database is. A lock keeps a second session manager away, as long as the server knows of the first one's
 * connection. What counts is the row `start`: every commit changes it under the id that the connection was given, so a
 * connection that was given up can commit nothing more once another one has taken its place.
 */
export class Ownership {
  readonly #place: string;
  readonly #who: string;
  readonly #now: () => number;
  /** Of this start; that of a connection is this and a number. */
  readonly #startId = randomId();
  #connections = 0;
  #id = "";
  #number = 0;
  /** Of the server's process for the connection before. */
  #before: number | undefined;

  constructor(place: string, { program, home }: LockOwner, now: () => number) {
    this.#place = place;
    this.#now = now;
    const homeText = home === undefined ? "" : `, FLAME_HOME "${home}"`;
    this.#who = `${program} (process ${process.pid} on host "${hostname()}"${homeText})`;
  }

  /** How often a session manager has started on the database, this start included. */
  get number(): number {
    return this.#number;
  }

  /**
   * Keeps others away while the connection lasts.
   * @throws FlameError already_exists naming who has it
   */
  async lock(link: Link): Promise<void> {
    const deadline = performance.now() + lockPatienceMs;
    for (;;) {
      const [row] = await link.rows<{ locked: boolean; process: number }>(
        statement(
          "",
          `SELECT pg_try_advisory_lock(${lockKey}) AS locked, pg_backend_pid() AS process`,
        ),
      );
      if (row?.locked === true) {
        this.#before = row.process;
        return;
      }
      if (performance.now() >= deadline) throw await this.#lockedError(link);
      await this.#endBefore(link);
      await new Promise((resolve) => setTimeout(resolve, lockPauseMs));
    }
  }

  /** The server may not have noticed that our connection before is gone. */
  async #endBefore(link: Link): Promise<void> {
    if (this.#before === undefined) return;
    await link.rows(
      statement(
        "",
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = ${lockKey} AND pid = $1::int
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        this.#before,
      ),
    );
  }

  async #lockedError(link: Link): Promise<FlameError> {
    const holder = await presentRow(link).then(
      ({ who }) => who,
      () => "somebody",
    );
    return new FlameError(
      "already_exists",
      `the database ${this.#place} is in use by ${holder}; stop that one first, or name another database in cluster.storage. ` +
        "The server forgets a machine that is gone after some 15 s",
    );
  }

  /** Counts this start. @returns the number of the last commit */
  async begin(link: Link): Promise<number> {
    const id = this.#nextId();
    const [row] = await link.rows<StartRow>(
      statement(
        "",
        "UPDATE start SET number = number + 1, id = $1, who = $2, time = $3::bigint RETURNING *",
        id,
        this.#who,
        this.#now(),
      ),
    );
    if (row === undefined) throw this.#lostRow();
    this.#id = id;
    this.#number = row.number;
    return row.turn;
  }

  /**
   * Goes on with another connection. It waits for what the one before has under way; after that nothing of that one counts.
   * @returns the number of the last commit
   * @throws FlameError aborted when another one has started meanwhile
   */
  async goOn(link: Link): Promise<number> {
    const id = this.#nextId();
    // Any of ours: the answer to an earlier try may have been lost.
    const text = "UPDATE start SET id = $1 WHERE split_part(id, '/', 1) = $2 RETURNING *";
    const rows = await link.rows<StartRow>(statement("", text, id, this.#startId));
    const [row] = rows;
    if (row === undefined) throw await this.#foreign(link);
    this.#id = id;
    return row.turn;
  }

  #nextId(): string {
    return `${this.#startId}/${++this.#connections}`;
  }

  /** What a commit begins with. */
  beginTurn(turn: number): Statement {
    return statement("begin_turn", "SELECT begin_turn($1, $2::bigint)", this.#id, turn);
  }

  /** What to tell when the database is another one's by now. */
  async #foreign(link: Link): Promise<FlameError> {
    const present = await presentRow(link);
    return new FlameError(
      "aborted",
      `the database ${this.#place} belongs to another one by now: ${present.who} started on it at ` +
        `${new Date(present.time).toISOString()} (start ${present.number}, this is start ${this.#number}); ` +
        "nothing was written. Let one session manager run on a database",
    );
  }

  #lostRow(): FlameError {
    return new FlameError(
      "aborted",
      `the database ${this.#place} has lost the row that counts starts`,
    );
  }
}

async function presentRow(link: Link): Promise<StartRow> {
  const [row] = await link.rows<StartRow>(statement("", "SELECT * FROM start"));
  if (row === undefined) throw new Error("the row that counts starts is gone");
  return row;
}

/** The database is another one's. */
export function isForeign(thrown: unknown): boolean {
  return isRefusal(thrown) && thrown.code === foreignCode;
}
