import type { Database, Statement } from "better-sqlite3";
import type { ApplicationRemoval, ApplicationRevision } from "../model/application.ts";
import type { SessionKey } from "../model/session.ts";
import type { NumberSpan, SubmitRange } from "../model/submits.ts";
import type { TaskKey, TaskRecord } from "../model/task.ts";
import { readEach, readList } from "./in-pieces.ts";
import { SqliteSubmits } from "./sqlite-submits.ts";
import type { PayloadKind } from "./store.ts";
import {
  type RemovalRow,
  type RevisionRow,
  revisionColumns,
  revisionOf,
  type TaskRow,
  taskColumns,
  taskOf,
} from "./stored-rows.ts";

/**
 * What is read while the store is in use, on the connection of the main thread: a thread for it would cost more than the reads
 * do. So a long read is divided. Each row is looked up together with the session that it is of: a later one may bear its id.
 */
export class SqliteReads {
  readonly submitRanges: SqliteSubmits;
  readonly #statements;
  readonly #isLeaving: (sessionId: string) => boolean;

  /** @param isLeaving whether the session of that id is deleted for everybody, and its rows are still there */
  constructor(database: Database, isLeaving: (sessionId: string) => boolean) {
    this.#statements = prepareAll(database);
    this.submitRanges = new SqliteSubmits(database);
    this.#isLeaving = isLeaving;
  }

  async revisions(name: string): Promise<readonly ApplicationRevision[]> {
    const { selectRevisions } = this.#statements;
    const read = (last: ApplicationRevision | undefined, rows: number): ApplicationRevision[] =>
      selectRevisions.all(name, last?.revision ?? Number.MAX_SAFE_INTEGER, rows).map(revisionOf);
    return (await readList(Number.MAX_SAFE_INTEGER, read)) ?? [];
  }

  async revision(name: string, revision: number): Promise<ApplicationRevision | undefined> {
    const row = this.#statements.selectRevision.get(name, revision);
    return row === undefined ? undefined : revisionOf(row);
  }

  async removals(name: string): Promise<readonly ApplicationRemoval[]> {
    return this.#statements.selectRemovals.all(name);
  }

  async task(session: SessionKey, taskId: number): Promise<TaskRecord | undefined> {
    if (!this.#isThere(session)) return undefined;
    const row = this.#statements.selectTask.get(session.id, taskId);
    return row === undefined ? undefined : taskOf(row);
  }

  tasks(
    session: SessionKey,
    afterId: number,
    limit: number,
  ): Promise<readonly TaskRecord[] | undefined> {
    const { selectTasks } = this.#statements;
    return readList(limit, (last: TaskRecord | undefined, rows) =>
      this.#isThere(session)
        ? selectTasks.all(session.id, last?.id ?? afterId, rows).map(taskOf)
        : undefined,
    );
  }

  payloads(tasks: readonly TaskKey[], kind: PayloadKind): Promise<readonly (Buffer | undefined)[]> {
    const { selectInput, selectOutput } = this.#statements;
    const select = kind === "input" ? selectInput : selectOutput;
    return readEach(tasks, ({ sessionId, id, creationTime }) =>
      this.#isLeaving(sessionId)
        ? undefined
        : (select.get(sessionId, id, creationTime) ?? undefined),
    );
  }

  commonData(sessions: readonly SessionKey[]): Promise<readonly (Buffer | undefined)[]> {
    const { selectCommonData } = this.#statements;
    return readEach(sessions, (session) =>
      this.#isThere(session) ? selectCommonData.get(session.id) : undefined,
    );
  }

  submits(
    session: SessionKey,
    producer: string,
    within: NumberSpan = { first: 0, count: Number.MAX_SAFE_INTEGER },
  ): Promise<readonly SubmitRange[] | undefined> {
    const end = within.first + within.count;
    return readList(Number.MAX_SAFE_INTEGER, (last: SubmitRange | undefined, rows) => {
      if (!this.#isThere(session)) return undefined;
      const first = last === undefined ? within.first : last.first + last.count;
      return this.submitRanges.of(session.id, producer, { first, end }, rows);
    });
  }

  #isThere({ id, creationTime }: SessionKey): boolean {
    return !this.#isLeaving(id) && this.#statements.selectSession.get(id, creationTime) === 1;
  }
}

function prepareAll(db: Database) {
  const revisions = `SELECT r.name, ${revisionColumns} FROM application_revisions r WHERE r.name = ?`;
  return {
    selectSession: db
      .prepare<[string, number], 1>("SELECT 1 FROM sessions WHERE id = ? AND creation_time = ?")
      .pluck(),
    selectRevisions: db.prepare<[string, number, number], RevisionRow>(
      `${revisions} AND r.revision < ? ORDER BY r.revision DESC LIMIT ?`,
    ),
    selectRevision: db.prepare<[string, number], RevisionRow>(`${revisions} AND r.revision = ?`),
    selectRemovals: db.prepare<[string], RemovalRow>(
      "SELECT time, author, revision FROM application_removals WHERE name = ? ORDER BY number DESC",
    ),
    selectTask: db.prepare<[string, number], TaskRow>(
      `SELECT ${taskColumns} FROM tasks WHERE session_id = ? AND id = ?`,
    ),
    selectTasks: db.prepare<[string, number, number], TaskRow>(
      `SELECT ${taskColumns} FROM tasks WHERE session_id = ? AND id > ? ORDER BY id LIMIT ?`,
    ),
    selectInput: selectPayload(db, "input"),
    selectOutput: selectPayload(db, "output"),
    selectCommonData: db
      .prepare<[string], Buffer>("SELECT data FROM session_common_data WHERE session_id = ?")
      .pluck(),
  };
}

/** Reads a payload from where it stands; NULL when there is none. */
function selectPayload(
  db: Database,
  kind: PayloadKind,
): Statement<[string, number, number], Buffer | null> {
  return db
    .prepare<[string, number, number], Buffer | null>(
      `SELECT coalesce(t.${kind}, (SELECT p.data FROM task_payloads p
         WHERE p.session_id = t.session_id AND p.task_id = t.id AND p.kind = '${kind}'))
       FROM tasks t WHERE t.session_id = ? AND t.id = ? AND t.creation_time = ?`,
    )
    .pluck();
}
