import type { Database } from "better-sqlite3";
import type { ApplicationRecord } from "../model/application.ts";
import type { Change } from "../model/change.ts";
import { eventsText } from "./event-text.ts";
import type { SqliteDeletion } from "./sqlite-deletion.ts";
import { fieldOwnersText } from "./sqlite-rows.ts";
import { revisionsKept } from "./store.ts";

type Of<K extends Change["kind"]> = Extract<Change, { kind: K }>;

/** Payloads up to this size stand in the task's row, which both of them leave on its page, in bytes. */
export const smallPayloadBytesMax = 384;

function isSmall(payload: Buffer | undefined): payload is Buffer {
  return payload !== undefined && payload.length <= smallPayloadBytesMax;
}

/** Writes one change after the other inside the transaction that its caller holds open. */
export class SqliteWriter {
  readonly #statements;
  readonly #deletion: SqliteDeletion;

  constructor(database: Database, deletion: SqliteDeletion) {
    this.#statements = prepareAll(database);
    this.#deletion = deletion;
  }

  apply(change: Change): void {
    const sql = this.#statements;
    switch (change.kind) {
      case "task.put":
        this.#putTask(change);
        return;
      case "executor.put": {
        const { id, node, resreq, shim, state, sessionId } = change.record;
        sql.putExecutor.run(
          id,
          node,
          resreq.cpu,
          resreq.memory,
          resreq.gpu,
          shim,
          state,
          sessionId ?? null,
        );
        return;
      }
      case "executor.delete":
        sql.deleteExecutor.run(change.id);
        return;
      case "session.put":
        this.#putSession(change);
        return;
      case "session.delete":
        this.#deletion.delete(change.id);
        return;
      case "sessions.objectsDeleted":
        for (const id of change.ids) sql.noteObjectsDeleted.run(id);
        return;
      case "session.counts":
        this.#putCounts(change);
        return;
      case "tasks.cancel":
        sql.cancelTasks.run(change.time, change.sessionId);
        return;
      case "application.put":
        this.#putApplication(change.record);
        return;
      case "application.delete":
        sql.deleteApplication.run(change.name);
        return;
      case "node.put": {
        const { record } = change;
        sql.putNode.run(
          record.name,
          record.state,
          JSON.stringify(record.capacity),
          JSON.stringify(record.allocatable),
          record.arch,
          record.os,
          record.shim ?? null,
          record.lastHeartbeat,
          record.instance ?? null,
          record.address ?? null,
        );
        return;
      }
      case "node.delete":
        sql.deleteNode.run(change.name);
        return;
      default:
        change satisfies never;
    }
  }

  #putTask({ record, input, output }: Of<"task.put">): void {
    const sql = this.#statements;
    sql.putTask.run(
      record.sessionId,
      record.id,
      record.state,
      record.creationTime,
      record.completionTime ?? null,
      record.inputBytes ?? null,
      record.outputBytes ?? null,
      record.attempt,
      record.crashes,
      record.lostNodes,
      record.executorId ?? null,
      eventsText(record.events),
      isSmall(input) ? input : null,
      isSmall(output) ? output : null,
    );
    if (input !== undefined && !isSmall(input))
      sql.putPayload.run(record.sessionId, record.id, "input", input);
    if (output !== undefined && !isSmall(output))
      sql.putPayload.run(record.sessionId, record.id, "output", output);
  }

  #putSession({ record, commonData }: Of<"session.put">): void {
    const sql = this.#statements;
    this.#deletion.finish(record.id);
    sql.putSession.run(
      record.id,
      record.application,
      record.applicationRevision,
      record.state,
      record.creationTime,
      record.completionTime ?? null,
      record.resreq.cpu,
      record.resreq.memory,
      record.resreq.gpu,
      record.minInstances,
      record.maxInstances ?? null,
      record.priority,
      record.owner,
      record.commonDataBytes ?? null,
      record.clients === undefined ? null : JSON.stringify(record.clients),
      eventsText(record.events),
    );
    if (commonData !== undefined) sql.putCommonData.run(record.id, commonData);
  }

  #putCounts({ id, counts, lastTaskId }: Of<"session.counts">): void {
    const { pending, running, succeed, failed, cancelled } = counts;
    this.#statements.putCounts.run(id, pending, running, succeed, failed, cancelled, lastTaskId);
  }

  #putApplication(record: ApplicationRecord): void {
    const sql = this.#statements;
    const lastSeeded = record.lastSeeded === undefined ? null : JSON.stringify(record.lastSeeded);
    sql.putApplication.run(
      record.name,
      record.state,
      record.creationTime,
      record.revision,
      lastSeeded,
      record.owner ?? null,
      record.createdBy ?? null,
      fieldOwnersText(record.fieldOwners),
    );
    this.#putRevision(record);
    sql.pruneRevisions.run({ name: record.name, through: record.revision - revisionsKept });
  }

  /** A revision never changes: it is written once, and found as it was whenever its application is written again. */
  #putRevision(record: ApplicationRecord): void {
    const sql = this.#statements;
    const row = [
      record.name,
      record.revision,
      record.revisionTime,
      record.origin,
      record.author,
      record.cause.kind,
      record.cause.restored ?? null,
      record.cause.forced === true ? 1 : 0,
      JSON.stringify(record.manifest),
    ];
    if (sql.putRevision.run(row).changes > 0 || sql.findRevision.get(row) !== undefined) return;
    throw new Error(
      `revision ${record.revision} of application "${record.name}" is stored already, and is another one`,
    );
  }
}

function prepareAll(db: Database) {
  return {
    ...prepareTasks(db),
    putSession: db.prepare(
      `INSERT INTO sessions (id, application, application_revision, state, creation_time, completion_time, cpu, memory,
                             gpu, min_instances, max_instances, priority, owner, common_data_bytes, clients, events)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         state = excluded.state, completion_time = excluded.completion_time, clients = excluded.clients,
         events = excluded.events`,
    ),
    putCommonData: db.prepare("INSERT INTO session_common_data (session_id, data) VALUES (?, ?)"),
    noteObjectsDeleted: db.prepare("UPDATE sessions SET objects_deleted = 1 WHERE id = ?"),
    putCounts: db.prepare(
      `INSERT INTO session_counts (session_id, pending, running, succeed, failed, cancelled, last_task_id)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE SET
         pending = excluded.pending, running = excluded.running, succeed = excluded.succeed, failed = excluded.failed,
         cancelled = excluded.cancelled, last_task_id = excluded.last_task_id`,
    ),
    putApplication: db.prepare(
      `INSERT INTO applications (name, state, creation_time, revision, last_seeded, owner, created_by, field_owners)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET
         state = excluded.state, revision = excluded.revision, last_seeded = excluded.last_seeded,
         owner = excluded.owner, field_owners = excluded.field_owners`,
    ),
    putRevision: db.prepare(
      `INSERT INTO application_revisions (name, revision, revision_time, origin, author, cause, restored, forced, manifest)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name, revision) DO NOTHING`,
    ),
    findRevision: db.prepare(
      `SELECT 1 FROM application_revisions WHERE name = ? AND revision = ? AND revision_time = ? AND origin = ?
         AND author = ? AND cause = ? AND restored IS ? AND forced = ? AND manifest = ?`,
    ),
    pruneRevisions: db.prepare(
      `DELETE FROM application_revisions WHERE name = $name AND revision <= $through
         AND revision NOT IN (SELECT application_revision FROM sessions WHERE application = $name)`,
    ),
    deleteApplication: db.prepare("DELETE FROM applications WHERE name = ?"),
    putExecutor: db.prepare(
      `INSERT INTO executors (id, node, cpu, memory, gpu, shim, state, session_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         shim = excluded.shim, state = excluded.state, session_id = excluded.session_id`,
    ),
    deleteExecutor: db.prepare("DELETE FROM executors WHERE id = ?"),
    putNode: db.prepare(
      `INSERT INTO nodes (name, state, capacity, allocatable, arch, os, shim, last_heartbeat, instance, address) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET
         state = excluded.state, capacity = excluded.capacity, allocatable = excluded.allocatable,
         arch = excluded.arch, os = excluded.os, shim = excluded.shim, last_heartbeat = excluded.last_heartbeat,
         instance = excluded.instance, address = excluded.address`,
    ),
    deleteNode: db.prepare("DELETE FROM nodes WHERE name = ?"),
  };
}

function prepareTasks(db: Database) {
  return {
    putTask: db.prepare(
      `INSERT INTO tasks (session_id, id, state, creation_time, completion_time, input_bytes, output_bytes,
                          attempt, crashes, lost_nodes, executor_id, events, input, output)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (session_id, id) DO UPDATE SET
         state = excluded.state, completion_time = excluded.completion_time, output_bytes = excluded.output_bytes,
         attempt = excluded.attempt, crashes = excluded.crashes, lost_nodes = excluded.lost_nodes,
         executor_id = excluded.executor_id, events = excluded.events,
         input = coalesce(excluded.input, input), output = coalesce(excluded.output, output)`,
    ),
    putPayload: db.prepare(
      "INSERT INTO task_payloads (session_id, task_id, kind, data) VALUES (?, ?, ?, ?)",
    ),
    cancelTasks: db.prepare(
      "UPDATE tasks SET state = 'Cancelled', completion_time = ? WHERE session_id = ? AND state = 'Pending'",
    ),
  };
}
