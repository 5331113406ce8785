import { type Aged, chooseForgotten, lookedAt } from "../forgetting.ts";
import { type AgedRow, agedOf, type ForgottenRow, ForgottenTasks } from "../forgotten-tasks.ts";
import { arrayOf } from "./arrays.ts";
import type { Ask } from "./reads.ts";
import { type Statement, statement } from "./statement.ts";

/** What a commit forgets, and what is true once it is durable. */
export interface ForgottenPiece {
  readonly statements: readonly Statement[];
  readonly done: () => void;
  readonly isVain: boolean;
}

/** Forgets finished tasks of sessions that have more of them than are kept. */
export class PostgresForgetting {
  readonly #ask: Ask;
  readonly #forgotten = new ForgottenTasks();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Reads what earlier processes did, or what is left of a commit that was taken back. */
  async load(): Promise<void> {
    const rows = await this.#ask<ForgottenRow>(
      statement(
        "",
        `SELECT session_id AS id, forgotten AS count, forgotten_through AS through FROM session_counts
         WHERE forgotten > 0 OR forgotten_through > 0`,
      ),
    );
    this.#forgotten.load(rows);
  }

  /** How many tasks of the session are forgotten. */
  count(id: string): number {
    return this.#forgotten.of(id).count;
  }

  /** The session was deleted: a later one of that id has forgotten nothing. */
  drop(id: string): void {
    this.#forgotten.drop(id);
  }

  async piece(
    id: string,
    most: number,
    isHeld: (taskId: number) => boolean,
  ): Promise<ForgottenPiece> {
    const { count, cursor } = this.#forgotten.of(id);
    const limit = lookedAt(most);
    const looked = {
      ahead: await this.#aged(id, cursor.through, Number.MAX_SAFE_INTEGER, limit),
      behind: await this.#aged(id, cursor.behind, cursor.through, limit),
    };
    const { ids, cursor: next, isVain } = chooseForgotten(cursor, most, looked, isHeld);
    const forgotten = { count: count + ids.length, cursor: next };
    return {
      statements: [
        {
          name: "forget_tasks",
          text: "DELETE FROM tasks WHERE session_id = $1 AND id = ANY ($2::bigint[])",
          values: [id, arrayOf("bigint", ids)],
        },
        statement(
          "put_forgotten",
          "UPDATE session_counts SET forgotten = $2::bigint, forgotten_through = $3::bigint WHERE session_id = $1",
          id,
          forgotten.count,
          forgotten.cursor.through,
        ),
      ],
      done: () => this.#forgotten.set(id, forgotten),
      isVain,
    };
  }

  async #aged(id: string, after: number, through: number, limit: number): Promise<Aged[]> {
    const rows = await this.#ask<AgedRow>(
      statement(
        "aged_tasks",
        `SELECT id, completion_time, coalesce(input_bytes, 0) + coalesce(output_bytes, 0) AS bytes FROM tasks
         WHERE session_id = $1 AND id > $2::bigint AND id <= $3::bigint ORDER BY id LIMIT $4::bigint`,
        id,
        after,
        through,
        limit,
      ),
    );
    return rows.map(agedOf);
  }
}
