import type { Database } from "better-sqlite3";
import type { CommitBatch } from "./commit-batch.ts";
import { chooseForgotten, lookedAt } from "./forgetting.ts";
import { type AgedRow, agedOf, type ForgottenRow, ForgottenTasks } from "./forgotten-tasks.ts";

/** Forgets finished tasks of sessions that have more of them than are kept; their payloads go with them. */
export class SqliteForgetting {
  readonly #statements;
  readonly #forgotten = new ForgottenTasks();

  constructor(database: Database) {
    this.#statements = prepareAll(database);
    this.load();
  }

  /** Reads what earlier processes did, or what is left of a transaction that was taken back. */
  load(): void {
    this.#forgotten.load(this.#statements.selectForgotten.all());
  }

  /** How many tasks of the session are forgotten. */
  count(id: string): number {
    return this.#forgotten.of(id).count;
  }

  /** The session was deleted: a later one of that id has forgotten nothing. */
  drop(id: string): void {
    this.#forgotten.drop(id);
  }

  /**
   * Has a commit forget a piece.
   * @returns what is to be called once that is durable, and whether nothing was found
   */
  piece(
    id: string,
    most: number,
    isHeld: (taskId: number) => boolean,
    batch: CommitBatch,
  ): { readonly done: () => void; readonly isVain: boolean } {
    const { selectAged } = this.#statements;
    const { count, cursor } = this.#forgotten.of(id);
    const { through, behind } = cursor;
    const limit = lookedAt(most);
    const looked = {
      ahead: selectAged.all(id, through, Number.MAX_SAFE_INTEGER, limit).map(agedOf),
      behind: selectAged.all(id, behind, through, limit).map(agedOf),
    };
    const choice = chooseForgotten(cursor, most, looked, isHeld);
    for (const taskId of choice.ids) batch.run("deleteTask", id, taskId);
    const next = { count: count + choice.ids.length, cursor: choice.cursor };
    batch.run("putForgotten", next.count, next.cursor.through, id);
    return { done: () => this.#forgotten.set(id, next), isVain: choice.isVain };
  }
}

function prepareAll(db: Database) {
  return {
    selectForgotten: db.prepare<[], ForgottenRow>(
      `SELECT session_id AS id, forgotten AS count, forgotten_through AS through FROM session_counts
       WHERE forgotten > 0 OR forgotten_through > 0`,
    ),
    selectAged: db.prepare<[string, number, number, number], AgedRow>(
      `SELECT id, completion_time, coalesce(input_bytes, 0) + coalesce(output_bytes, 0) AS bytes FROM tasks
       WHERE session_id = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?`,
    ),
  };
}
