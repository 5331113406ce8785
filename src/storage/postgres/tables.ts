import type { ApplicationRecord } from "../../model/application.ts";
import type { Change } from "../../model/change.ts";
import type { ExecutorRecord } from "../../model/executor.ts";
import type { NodeRecord } from "../../model/node.ts";
import type { SessionRecord } from "../../model/session.ts";
import type { SubmitRange } from "../../model/submits.ts";
import { eventsText } from "../event-text.ts";
import { fieldOwnersText } from "../stored-rows.ts";
import { arrayOf, type ColumnType, type ColumnValue } from "./arrays.ts";
import type { Statement } from "./statement.ts";

// What is written, table by table: each column with what a record says for it. A batch of rows is one statement, with an
// array for each column.

/** Whether a later row of the key replaces the value: what never changes is written once. */
type Use = "key" | "once" | "latest" | "once known";

interface Column<T> {
  readonly name: string;
  readonly type: ColumnType;
  readonly use: Use;
  readonly of: (row: T) => ColumnValue;
}

/** Writes rows of a table, of which no two have the same key. */
export class Table<T> {
  readonly #name: string;
  readonly #columns: readonly Column<T>[];
  readonly #text: string;

  constructor(name: string, columns: readonly Column<T>[]) {
    this.#name = name;
    this.#columns = columns;
    const names = columns.map((column) => column.name).join(", ");
    const arrays = columns.map(({ type }, index) => `$${index + 1}::${type}[]`).join(", ");
    const keys = columns.filter(({ use }) => use === "key").map((column) => column.name);
    const sets = columns.flatMap((column) => setOf(name, column));
    const update = sets.length === 0 ? "NOTHING" : `UPDATE SET ${sets.join(", ")}`;
    this.#text = `INSERT INTO ${name} (${names}) SELECT * FROM unnest(${arrays}) ON CONFLICT (${keys.join(", ")}) DO ${update}`;
  }

  put(rows: readonly T[]): Statement {
    const values = this.#columns.map(({ type, of }) => arrayOf(type, rows.map(of)));
    return { name: `put_${this.#name}`, text: this.#text, values };
  }
}

function setOf<T>(table: string, { name, use }: Column<T>): string[] {
  if (use === "latest") return [`${name} = excluded.${name}`];
  if (use === "once known") return [`${name} = coalesce(excluded.${name}, ${table}.${name})`];
  return [];
}

function column<T>(
  name: string,
  type: ColumnType,
  use: Use,
  of: (row: T) => ColumnValue,
): Column<T> {
  return { name, type, use, of };
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

type Of<K extends Change["kind"]> = Extract<Change, { kind: K }>;

export const taskTable = new Table<Of<"task.put">>("tasks", [
  column("session_id", "text", "key", ({ record }) => record.sessionId),
  column("id", "bigint", "key", ({ record }) => record.id),
  column("state", "text", "latest", ({ record }) => record.state),
  column("creation_time", "bigint", "once", ({ record }) => record.creationTime),
  column("completion_time", "bigint", "latest", ({ record }) => record.completionTime),
  column("input_bytes", "bigint", "once", ({ record }) => record.inputBytes),
  column("output_bytes", "bigint", "latest", ({ record }) => record.outputBytes),
  column("attempt", "bigint", "latest", ({ record }) => record.attempt),
  column("crashes", "bigint", "latest", ({ record }) => record.crashes),
  column("lost_nodes", "bigint", "latest", ({ record }) => record.lostNodes),
  column("executor_id", "text", "latest", ({ record }) => record.executorId),
  column("events", "text", "latest", ({ record }) => eventsText(record.events)),
  column("input", "bytea", "once known", ({ input }) => input),
  column("output", "bytea", "once known", ({ output }) => output),
  column("term", "bigint", "once", ({ record }) => record.term),
  column("deadline", "bigint", "once", ({ record }) => record.deadline),
]);

export const sessionTable = new Table<SessionRecord>("sessions", [
  column("id", "text", "key", ({ id }) => id),
  column("application", "text", "once", ({ application }) => application),
  column("application_revision", "bigint", "once", (record) => record.applicationRevision),
  column("state", "text", "latest", ({ state }) => state),
  column("creation_time", "bigint", "once", ({ creationTime }) => creationTime),
  column("completion_time", "bigint", "latest", ({ completionTime }) => completionTime),
  column("cpu", "bigint", "once", ({ resreq }) => resreq.cpu),
  column("memory", "bigint", "once", ({ resreq }) => resreq.memory),
  column("gpu", "bigint", "once", ({ resreq }) => resreq.gpu),
  column("min_instances", "bigint", "once", ({ minInstances }) => minInstances),
  column("max_instances", "bigint", "once", ({ maxInstances }) => maxInstances),
  column("priority", "bigint", "once", ({ priority }) => priority),
  column("owner", "text", "once", ({ owner }) => owner),
  column("common_data_bytes", "bigint", "once", ({ commonDataBytes }) => commonDataBytes),
  column("clients", "text", "latest", ({ clients }) => json(clients)),
  column("events", "text", "latest", ({ events }) => eventsText(events)),
  column("packages", "text", "once", ({ packages }) => json(packages)),
  column("owner_id", "text", "once", ({ ownerId }) => ownerId),
]);

export const commonDataTable = new Table<{ readonly id: string; readonly data: Buffer }>(
  "session_common_data",
  [
    column("session_id", "text", "key", ({ id }) => id),
    column("data", "bytea", "once", ({ data }) => data),
  ],
);

export const countsTable = new Table<Of<"session.counts">>("session_counts", [
  column("session_id", "text", "key", ({ id }) => id),
  column("pending", "bigint", "latest", ({ counts }) => counts.pending),
  column("running", "bigint", "latest", ({ counts }) => counts.running),
  column("succeed", "bigint", "latest", ({ counts }) => counts.succeed),
  column("failed", "bigint", "latest", ({ counts }) => counts.failed),
  column("cancelled", "bigint", "latest", ({ counts }) => counts.cancelled),
  column("last_task_id", "bigint", "latest", ({ lastTaskId }) => lastTaskId),
]);

export const submitTable = new Table<SubmitRange>("submits", [
  column("session_id", "text", "key", ({ sessionId }) => sessionId),
  column("producer", "text", "key", ({ producer }) => producer),
  column("first_number", "bigint", "key", ({ first }) => first),
  column("first_task", "bigint", "once", ({ firstTask }) => firstTask),
  column("count", "bigint", "latest", ({ count }) => count),
]);

export const applicationTable = new Table<ApplicationRecord>("applications", [
  column("name", "text", "key", ({ name }) => name),
  column("state", "text", "latest", ({ state }) => state),
  column("creation_time", "bigint", "once", ({ creationTime }) => creationTime),
  column("revision", "bigint", "latest", ({ revision }) => revision),
  column("last_seeded", "text", "latest", ({ lastSeeded }) => json(lastSeeded)),
  column("owner", "text", "latest", ({ owner }) => owner),
  column("created_by", "text", "once", ({ createdBy }) => createdBy),
  column("field_owners", "text", "latest", ({ fieldOwners }) => fieldOwnersText(fieldOwners)),
  column("removed_by", "text", "latest", ({ removedBy }) => removedBy),
]);

const revisionColumns: readonly Column<ApplicationRecord>[] = [
  column("name", "text", "key", ({ name }) => name),
  column("revision", "bigint", "key", ({ revision }) => revision),
  column("revision_time", "bigint", "once", ({ revisionTime }) => revisionTime),
  column("origin", "text", "once", ({ origin }) => origin),
  column("author", "text", "once", ({ author }) => author),
  column("cause", "text", "once", ({ cause }) => cause.kind),
  column("restored", "bigint", "once", ({ cause }) => cause.restored),
  column("forced", "bigint", "once", ({ cause }) => (cause.forced === true ? 1 : 0)),
  column("manifest", "text", "once", ({ manifest }) => JSON.stringify(manifest)),
];

/** A revision never changes: it is written once, and found as it was whenever its application is written again. */
export const revisionTable = new Table<ApplicationRecord>("application_revisions", revisionColumns);

/** Ends the commit when one of these revisions is there and says something else. */
export function expectRevisions(records: readonly ApplicationRecord[]): Statement {
  const arrays = revisionColumns.map(({ type }, index) => `$${index + 1}::${type}[]`).join(", ");
  const names = revisionColumns.map(({ name }) => name);
  const all = (of: string): string => names.map((name) => `${of}.${name}`).join(", ");
  return {
    name: "expect_revisions",
    text: `SELECT fail('FL003', 'revision ' || w.revision || ' of application "' || w.name || '" is stored already, and is another one')
       FROM unnest(${arrays}) AS w (${names.join(", ")}) JOIN application_revisions r ON r.name = w.name AND r.revision = w.revision
       WHERE (${all("r")}) IS DISTINCT FROM (${all("w")})`,
    values: revisionColumns.map(({ type, of }) => arrayOf(type, records.map(of))),
  };
}

export const executorTable = new Table<ExecutorRecord>("executors", [
  column("id", "text", "key", ({ id }) => id),
  column("node", "text", "once", ({ node }) => node),
  column("cpu", "bigint", "once", ({ resreq }) => resreq.cpu),
  column("memory", "bigint", "once", ({ resreq }) => resreq.memory),
  column("gpu", "bigint", "once", ({ resreq }) => resreq.gpu),
  column("shim", "text", "latest", ({ shim }) => shim),
  column("state", "text", "latest", ({ state }) => state),
  column("session_id", "text", "latest", ({ sessionId }) => sessionId),
]);

export const nodeTable = new Table<NodeRecord>("nodes", [
  column("name", "text", "key", ({ name }) => name),
  column("state", "text", "latest", ({ state }) => state),
  column("capacity", "text", "latest", ({ capacity }) => JSON.stringify(capacity)),
  column("allocatable", "text", "latest", ({ allocatable }) => JSON.stringify(allocatable)),
  column("arch", "text", "latest", ({ arch }) => arch),
  column("os", "text", "latest", ({ os }) => os),
  column("shim", "text", "latest", ({ shim }) => shim),
  column("last_heartbeat", "bigint", "latest", ({ lastHeartbeat }) => lastHeartbeat),
  column("instance", "text", "latest", ({ instance }) => instance),
  column("address", "text", "latest", ({ address }) => address),
  column("owner", "text", "latest", ({ owner }) => owner),
]);
