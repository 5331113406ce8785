import type { ApplicationRemoval, ApplicationRevision } from "../../model/application.ts";
import type { SessionKey } from "../../model/session.ts";
import type { NumberSpan, SubmitRange } from "../../model/submits.ts";
import type { TaskKey, TaskRecord } from "../../model/task.ts";
import { readList, rowsAtOnce } from "../in-pieces.ts";
import type { PayloadKind } from "../store.ts";
import {
  type RemovalRow,
  type RevisionRow,
  rangeOf,
  revisionColumns,
  revisionOf,
  type SubmitRow,
  type TaskRow,
  taskColumns,
  taskOf,
} from "../stored-rows.ts";
import { arrayOf } from "./arrays.ts";
import { type Statement, statement } from "./statement.ts";

/** Asks the database; a read that a lost connection left open is asked again. */
export type Ask = <R extends object>(asked: Statement, binary?: boolean) => Promise<R[]>;

/**
 * What is read while the store is in use. Each read is behind the commits that were sent before it; a long one is divided.
 * Each row is looked up together with the session that it is of: a later one may bear its id.
 */
export class PostgresReads {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async revisions(name: string): Promise<readonly ApplicationRevision[]> {
    const read = async (
      last: ApplicationRevision | undefined,
      rows: number,
    ): Promise<ApplicationRevision[]> => {
      const before = last?.revision ?? Number.MAX_SAFE_INTEGER;
      const found = await this.#ask<RevisionRow>(
        statement(
          "revisions",
          `${selectRevisions} AND r.revision < $2::bigint ORDER BY r.revision DESC LIMIT $3::bigint`,
          name,
          before,
          rows,
        ),
      );
      return found.map(revisionOf);
    };
    return (await readList(Number.MAX_SAFE_INTEGER, read)) ?? [];
  }

  async revision(name: string, revision: number): Promise<ApplicationRevision | undefined> {
    const text = `${selectRevisions} AND r.revision = $2::bigint`;
    const [row] = await this.#ask<RevisionRow>(statement("revision", text, name, revision));
    return row === undefined ? undefined : revisionOf(row);
  }

  async removals(name: string): Promise<readonly ApplicationRemoval[]> {
    const text =
      "SELECT time, author, revision FROM application_removals WHERE name = $1 ORDER BY number DESC";
    return await this.#ask<RemovalRow>(statement("removals", text, name));
  }

  async task(session: SessionKey, taskId: number): Promise<TaskRecord | undefined> {
    const text = `SELECT ${taskColumns} FROM tasks WHERE session_id = $1 AND id = $3::bigint AND ${isThere}`;
    const [row] = await this.#ask<TaskRow>(
      statement("task", text, session.id, session.creationTime, taskId),
    );
    return row === undefined ? undefined : taskOf(row);
  }

  tasks(
    session: SessionKey,
    afterId: number,
    limit: number,
  ): Promise<readonly TaskRecord[] | undefined> {
    const text = `SELECT ${taskColumns} FROM ${ofSession(
      "SELECT * FROM tasks WHERE session_id = $1 AND id > $3::bigint ORDER BY id LIMIT $4::bigint",
    )} ORDER BY id`;
    return readList(limit, async (last: TaskRecord | undefined, rows) => {
      const { id, creationTime } = session;
      const asked = statement("tasks", text, id, creationTime, last?.id ?? afterId, rows);
      return listed(await this.#ask<TaskRow>(asked))?.map(taskOf);
    });
  }

  async payloads(
    tasks: readonly TaskKey[],
    kind: PayloadKind,
  ): Promise<readonly (Buffer | undefined)[]> {
    const found: (Buffer | undefined)[] = [];
    for (let from = 0; from < tasks.length; from += rowsAtOnce)
      found.push(...(await this.#payloads(tasks.slice(from, from + rowsAtOnce), kind)));
    return found;
  }

  #payloads(tasks: readonly TaskKey[], kind: PayloadKind): Promise<(Buffer | undefined)[]> {
    return this.#data({
      name: `${kind}s`,
      text: `SELECT t.${kind} AS data
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS w (session_id, id, creation_time, place)
         LEFT JOIN tasks t ON t.session_id = w.session_id AND t.id = w.id AND t.creation_time = w.creation_time
           AND NOT EXISTS (SELECT FROM sessions s WHERE s.id = w.session_id AND s.state = 'Deleted')
         ORDER BY w.place`,
      values: [
        arrayOf(
          "text",
          tasks.map(({ sessionId }) => sessionId),
        ),
        arrayOf(
          "bigint",
          tasks.map(({ id }) => id),
        ),
        arrayOf(
          "bigint",
          tasks.map(({ creationTime }) => creationTime),
        ),
      ],
    });
  }

  async commonData(sessions: readonly SessionKey[]): Promise<readonly (Buffer | undefined)[]> {
    const found: (Buffer | undefined)[] = [];
    // Common data may be large: one after the other.
    for (const { id, creationTime } of sessions) {
      const text = `SELECT data FROM session_common_data WHERE session_id = $1 AND ${isThere}`;
      const [data] = await this.#data(statement("common_data", text, id, creationTime));
      found.push(data);
    }
    return found;
  }

  submits(
    session: SessionKey,
    producer: string,
    within: NumberSpan = { first: 0, count: Number.MAX_SAFE_INTEGER },
  ): Promise<readonly SubmitRange[] | undefined> {
    const { id, creationTime } = session;
    const end = within.first + within.count;
    const text = `SELECT * FROM ${ofSession(
      `SELECT * FROM submits WHERE session_id = $1 AND producer = $3 AND first_number < $5::bigint
         AND first_number >= coalesce((SELECT max(first_number) FROM submits
           WHERE session_id = $1 AND producer = $3 AND first_number <= $4::bigint), 0)
         AND first_number + count > $4::bigint ORDER BY first_number LIMIT $6::bigint`,
    )} ORDER BY first_number`;
    return readList(Number.MAX_SAFE_INTEGER, async (last: SubmitRange | undefined, rows) => {
      const first = last === undefined ? within.first : last.first + last.count;
      const asked = statement("submits", text, id, creationTime, producer, first, end, rows);
      return listed(await this.#ask<SubmitRow>(asked))?.map(rangeOf);
    });
  }

  /** As bytes: the text of bytes would be twice as long. */
  async #data(asked: Statement): Promise<(Buffer | undefined)[]> {
    const rows = await this.#ask<{ readonly data: Buffer | null }>(asked, true);
    return rows.map(({ data }) => data ?? undefined);
  }
}

/** Whether the session $1 that was made at $2 is there. */
const isThere =
  "EXISTS (SELECT FROM sessions WHERE id = $1::text AND creation_time = $2::bigint AND state <> 'Deleted')";

/** Rows of the session $1 that was made at $2; one of NULLs when it has none, and none when it is not there. */
function ofSession(query: string): string {
  return `(SELECT 1 WHERE ${isThere}) AS session LEFT JOIN LATERAL (${query}) AS found ON true`;
}

/** What {@link ofSession} gave; undefined when the session is not there. */
function listed<R extends { readonly session_id: string | null }>(
  rows: readonly R[],
): readonly R[] | undefined {
  if (rows.length === 0) return undefined;
  return rows[0]?.session_id === null ? [] : rows;
}

const selectRevisions = `SELECT r.name, ${revisionColumns} FROM application_revisions r WHERE r.name = $1`;
