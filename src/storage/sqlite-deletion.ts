import type { Database } from "better-sqlite3";
import type { CommitBatch } from "./commit-batch.ts";
import { PartlyDeleted } from "./partly-deleted.ts";

/** What one transaction deletes at most: some milliseconds of work, whose log stays small. */
const tasksAtOnce = 1_000;
/** Pages of a payload are freed one by one, so its bytes count too. */
const bytesAtOnce = 8 * 1024 * 1024;

/** What is still to be deleted in a transaction. */
interface Budget {
  tasks: number;
  bytes: number;
}

/**
 * Deletes sessions with their tasks and payloads: small ones at once, others in pieces. Until its last piece a session is
 * there with the state 'Deleted', which nobody is shown; a crash in between loses nothing of that.
 */
export class SqliteDeletion {
  readonly #statements;
  readonly #leaving: PartlyDeleted;
  #budget: Budget = fullBudget();

  /** @param onDeleted told of each session as soon as it is deleted for everybody */
  constructor(database: Database, onDeleted: (id: string) => void) {
    this.#statements = prepareAll(database);
    this.#leaving = new PartlyDeleted(onDeleted);
    this.load();
  }

  /** Reads what is left of earlier processes. */
  load(): void {
    this.#leaving.load(this.#statements.selectLeaving.all().map(({ id }) => id));
  }

  /** A new transaction begins. */
  begin(): void {
    this.#budget = fullBudget();
  }

  /** Whether the session is deleted and still takes room. */
  isLeaving(id: string): boolean {
    return this.#leaving.has(id);
  }

  get isIdle(): boolean {
    return this.#leaving.isEmpty;
  }

  /** Has a commit delete the session. */
  delete(id: string, batch: CommitBatch): void {
    if (!this.#leaving.delete(id)) return;
    // A transaction that has done its part only marks the others, without a look at them.
    if (this.#budget.tasks > 0 && this.#deleteWithin(id, batch)) this.#leaving.finish(id);
    else batch.run("markSession", id);
  }

  /** The id is to be used again: what is left of the session before has to go now, however long that takes. */
  finish(id: string, batch: CommitBatch): void {
    if (this.#leaving.finish(id)) batch.run("deleteSession", id);
  }

  /** The commit is durable. */
  settle(): void {
    this.#leaving.settle();
  }

  /** The commit came to nothing. */
  drop(): void {
    this.#leaving.drop();
  }

  /** Has a commit delete a piece of what is left, of `wanted` first. */
  piece(wanted: string | undefined, batch: CommitBatch): void {
    for (const id of this.#leaving.ids(wanted)) {
      if (this.#budget.tasks <= 0 || this.#budget.bytes <= 0) return;
      this.#deletePart(id, batch);
    }
  }

  #deletePart(id: string, batch: CommitBatch): void {
    const limit = this.#budget.tasks + 1;
    const rows = this.#statements.selectTasks.all(id, limit);
    let through = 0;
    let taken = 0;
    for (const row of rows) {
      if (this.#budget.tasks <= 0 || this.#budget.bytes <= 0) break;
      through = row.id;
      taken++;
      this.#budget.tasks--;
      this.#budget.bytes -= row.bytes;
    }
    if (taken > 0) batch.run("deleteTasks", id, through);
    if (taken < rows.length) return;
    this.#budget.tasks--;
    this.finish(id, batch);
  }

  /** @returns false when it is too much for this transaction. */
  #deleteWithin(id: string, batch: CommitBatch): boolean {
    const { tasks, bytes } = this.#measure(id);
    if (tasks > this.#budget.tasks || bytes > this.#budget.bytes) return false;
    this.#budget.tasks -= tasks + 1;
    this.#budget.bytes -= bytes;
    batch.run("deleteSession", id);
    return true;
  }

  #measure(id: string): Budget {
    let bytes = 0;
    const rows = this.#statements.selectTasks.all(id, tasksAtOnce + 1);
    for (const row of rows) bytes += row.bytes;
    return { tasks: rows.length, bytes };
  }
}

function fullBudget(): Budget {
  return { tasks: tasksAtOnce, bytes: bytesAtOnce };
}

function prepareAll(db: Database) {
  return {
    selectLeaving: db.prepare<[], { id: string }>(
      "SELECT id FROM sessions WHERE state = 'Deleted' ORDER BY id",
    ),
    selectTasks: db.prepare<[string, number], { id: number; bytes: number }>(
      `SELECT id, coalesce(input_bytes, 0) + coalesce(output_bytes, 0) AS bytes FROM tasks
       WHERE session_id = ? ORDER BY id LIMIT ?`,
    ),
  };
}
