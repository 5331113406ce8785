import type { ApplicationRecord } from "../../model/application.ts";
import type { Change } from "../../model/change.ts";
import type { ExecutorRecord } from "../../model/executor.ts";
import type { NodeRecord } from "../../model/node.ts";
import type { SessionRecord } from "../../model/session.ts";
import type { SubmitRange } from "../../model/submits.ts";
import { mergeTaskChanges } from "../merge-task-changes.ts";
import type { PartlyDeleted } from "../partly-deleted.ts";
import { removalsKept, revisionsKept } from "../store.ts";
import { type Statement, statement } from "./statement.ts";
import {
  applicationTable,
  commonDataTable,
  countsTable,
  executorTable,
  expectRevisions,
  nodeTable,
  revisionTable,
  sessionTable,
  submitTable,
  taskTable,
} from "./tables.ts";

type Of<K extends Change["kind"]> = Extract<Change, { kind: K }>;

/** What does not do the same before and behind other changes: what came before it is written first. */
type Dependent = Of<"session.delete" | "application.delete" | "tasks.cancel">;

function isDependent(change: Change): change is Dependent {
  return (
    change.kind === "session.delete" ||
    change.kind === "application.delete" ||
    change.kind === "tasks.cancel"
  );
}

/** Says in SQL what the changes of a commit are, in few statements for many rows. */
export function statementsOf(changes: readonly Change[], leaving: PartlyDeleted): Statement[] {
  const statements: Statement[] = [];
  let from = 0;
  while (from < changes.length) {
    const end = endOfPart(changes, from);
    const part = changes.slice(from, end);
    const [first] = part;
    if (first !== undefined && isDependent(first))
      statements.push(...dependents(part as Dependent[], leaving));
    else statements.push(...new Rows(part, leaving).statements());
    from = end;
  }
  return statements;
}

/** A part is changes of one dependent kind, or of others in any order. */
function endOfPart(changes: readonly Change[], from: number): number {
  const first = changes[from];
  const belongs = (change: Change): boolean =>
    first !== undefined && isDependent(first) ? change.kind === first.kind : !isDependent(change);
  const end = changes.findIndex((change, index) => index >= from && !belongs(change));
  return end === -1 ? changes.length : end;
}

function dependents(changes: readonly Dependent[], leaving: PartlyDeleted): Statement[] {
  const deleted: string[] = [];
  const others: Statement[] = [];
  for (const change of changes) {
    if (change.kind === "session.delete") {
      if (leaving.delete(change.id)) deleted.push(change.id);
    } else if (change.kind === "application.delete") others.push(...deleteApplication(change));
    else others.push(cancelTasks(change));
  }
  const mark = "UPDATE sessions SET state = 'Deleted' WHERE id = ANY ($1::text[])";
  if (deleted.length > 0) others.push(statement("", mark, deleted));
  return others;
}

function deleteApplication({ name, removal }: Of<"application.delete">): Statement[] {
  const { time, author, revision } = removal;
  const put =
    "INSERT INTO application_removals (name, time, author, revision) VALUES ($1, $2::bigint, $3, $4::bigint)";
  const prune = `DELETE FROM application_removals WHERE name = $1 AND number NOT IN
       (SELECT number FROM application_removals WHERE name = $1 ORDER BY number DESC LIMIT $2::bigint)`;
  const pruneAll =
    "DELETE FROM application_removals WHERE number <= (SELECT max(number) FROM application_removals) - $1::bigint";
  return [
    statement("", "DELETE FROM applications WHERE name = $1", name),
    statement("", put, name, time, author, revision),
    statement("", prune, name, removalsKept.ofName),
    statement("", pruneAll, removalsKept.ofAll),
  ];
}

function cancelTasks({ sessionId, time }: Of<"tasks.cancel">): Statement {
  const text =
    "UPDATE tasks SET state = 'Cancelled', completion_time = $1::bigint WHERE session_id = $2 AND state = 'Pending'";
  return statement("cancel_tasks", text, time, sessionId);
}

/** The rows of changes whose order among different keys does not matter, the last of each key. */
class Rows {
  readonly #applications = new Map<string, ApplicationRecord>();
  readonly #revisions = new Map<string, ApplicationRecord>();
  readonly #sessions = new Map<string, SessionRecord>();
  readonly #commonData = new Map<string, Buffer>();
  readonly #tasks: Of<"task.put">[] = [];
  readonly #counts = new Map<string, Of<"session.counts">>();
  readonly #submits = new Map<string, SubmitRange>();
  readonly #objectsDeleted: string[] = [];
  readonly #executors = new Map<string, ExecutorRecord | undefined>();
  readonly #nodes = new Map<string, NodeRecord | undefined>();
  /** What is left of earlier sessions whose ids are used again. */
  readonly #finished: string[] = [];

  constructor(changes: readonly Change[], leaving: PartlyDeleted) {
    for (const change of mergeTaskChanges(changes)) this.#add(change, leaving);
  }

  #add(change: Change, leaving: PartlyDeleted): void {
    switch (change.kind) {
      case "task.put":
        this.#tasks.push(change);
        return;
      case "session.counts":
        this.#counts.set(change.id, change);
        return;
      case "submits.put": {
        const { sessionId, producer, first } = change.range;
        this.#submits.set(JSON.stringify([sessionId, producer, first]), change.range);
        return;
      }
      case "session.put":
        if (leaving.finish(change.record.id)) this.#finished.push(change.record.id);
        this.#sessions.set(change.record.id, change.record);
        if (change.commonData !== undefined)
          this.#commonData.set(change.record.id, change.commonData);
        return;
      case "sessions.objectsDeleted":
        this.#objectsDeleted.push(...change.ids);
        return;
      case "application.put":
        this.#applications.set(change.record.name, change.record);
        this.#revisions.set(`${change.record.revision} ${change.record.name}`, change.record);
        return;
      case "executor.put":
        this.#executors.set(change.record.id, change.record);
        return;
      case "executor.delete":
        this.#executors.set(change.id, undefined);
        return;
      case "node.put":
        this.#nodes.set(change.record.name, change.record);
        return;
      case "node.delete":
        this.#nodes.set(change.name, undefined);
        return;
      default:
        throw new Error(`a change of kind ${change.kind} is no row`);
    }
  }

  /** Each table behind those that it refers to. */
  *statements(): Generator<Statement> {
    if (this.#finished.length > 0)
      yield statement("", "SELECT delete_sessions($1::text[])", this.#finished);
    yield* this.#putApplications();
    yield* puts(sessionTable, [...this.#sessions.values()]);
    yield* this.#pruneRevisions();
    const commonData = [...this.#commonData].map(([id, data]) => ({ id, data }));
    yield* puts(commonDataTable, commonData);
    yield* puts(taskTable, this.#tasks);
    yield* puts(countsTable, [...this.#counts.values()]);
    yield* puts(submitTable, [...this.#submits.values()]);
    yield* this.#expectSessions();
    if (this.#objectsDeleted.length > 0)
      yield statement(
        "",
        "UPDATE sessions SET objects_deleted = 1 WHERE id = ANY ($1::text[])",
        this.#objectsDeleted,
      );
    yield* puts(executorTable, present(this.#executors));
    yield* deletions("DELETE FROM executors WHERE id = ANY ($1::text[])", this.#executors);
    yield* puts(nodeTable, present(this.#nodes));
    yield* deletions("DELETE FROM nodes WHERE name = ANY ($1::text[])", this.#nodes);
  }

  *#putApplications(): Generator<Statement> {
    const records = [...this.#applications.values()];
    if (records.length === 0) return;
    yield applicationTable.put(records);
    const revisions = [...this.#revisions.values()];
    yield revisionTable.put(revisions);
    yield expectRevisions(revisions);
  }

  /** Behind the sessions that a revision may be kept for. */
  *#pruneRevisions(): Generator<Statement> {
    for (const { name, revision } of this.#applications.values())
      yield statement(
        "prune_revisions",
        `DELETE FROM application_revisions WHERE name = $1 AND revision <= $2::bigint
           AND revision NOT IN (SELECT application_revision FROM sessions WHERE application = $1)`,
        name,
        revision - revisionsKept,
      );
  }

  /** What is of a session has to be of one that is there. */
  *#expectSessions(): Generator<Statement> {
    const ids = new Set(this.#tasks.map(({ record }) => record.sessionId));
    for (const id of this.#counts.keys()) ids.add(id);
    for (const { sessionId } of this.#submits.values()) ids.add(sessionId);
    if (ids.size > 0)
      yield statement("expect_sessions", "SELECT expect_sessions($1::text[])", [...ids]);
  }
}

function present<T>(rows: ReadonlyMap<string, T | undefined>): T[] {
  return [...rows.values()].filter((row) => row !== undefined);
}

function* puts<T>(
  table: { put(rows: readonly T[]): Statement },
  rows: readonly T[],
): Generator<Statement> {
  if (rows.length > 0) yield table.put(rows);
}

function* deletions(text: string, rows: ReadonlyMap<string, unknown>): Generator<Statement> {
  const keys = [...rows].filter(([, row]) => row === undefined).map(([key]) => key);
  if (keys.length > 0) yield statement("", text, keys);
}
