// What a commit is made of, by name: the thread that commits prepares each of these once.

export const writes = {
  putSession: `INSERT INTO sessions (id, application, application_revision, state, creation_time, completion_time, cpu, memory,
                             gpu, min_instances, max_instances, priority, owner, common_data_bytes, clients, events, packages,
                             owner_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         state = excluded.state, completion_time = excluded.completion_time, clients = excluded.clients,
         events = excluded.events`,
  putCommonData: "INSERT INTO session_common_data (session_id, data) VALUES (?, ?)",
  noteObjectsDeleted: "UPDATE sessions SET objects_deleted = 1 WHERE id = ?",
  putCounts: `INSERT INTO session_counts (session_id, pending, running, succeed, failed, cancelled, last_task_id)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE SET
         pending = excluded.pending, running = excluded.running, succeed = excluded.succeed, failed = excluded.failed,
         cancelled = excluded.cancelled, last_task_id = excluded.last_task_id`,
  putApplication: `INSERT INTO applications (name, state, creation_time, revision, last_seeded, owner, created_by, field_owners, removed_by)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET
         state = excluded.state, revision = excluded.revision, last_seeded = excluded.last_seeded,
         owner = excluded.owner, field_owners = excluded.field_owners, removed_by = excluded.removed_by`,
  putRevision: `INSERT INTO application_revisions (name, revision, revision_time, origin, author, cause, restored, forced, manifest)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name, revision) DO NOTHING`,
  findRevision: `SELECT 1 FROM application_revisions WHERE name = ? AND revision = ? AND revision_time = ? AND origin = ?
         AND author = ? AND cause = ? AND restored IS ? AND forced = ? AND manifest = ?`,
  pruneRevisions: `DELETE FROM application_revisions WHERE name = ? AND revision <= ?
         AND revision NOT IN (SELECT application_revision FROM sessions WHERE application = ?)`,
  putRemoval: "INSERT INTO application_removals (name, time, author, revision) VALUES (?, ?, ?, ?)",
  pruneRemovals: `DELETE FROM application_removals WHERE name = ? AND number NOT IN
         (SELECT number FROM application_removals WHERE name = ? ORDER BY number DESC LIMIT ?)`,
  pruneAllRemovals:
    "DELETE FROM application_removals WHERE number <= (SELECT max(number) FROM application_removals) - ?",
  deleteApplication: "DELETE FROM applications WHERE name = ?",
  putExecutor: `INSERT INTO executors (id, node, cpu, memory, gpu, shim, state, session_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         shim = excluded.shim, state = excluded.state, session_id = excluded.session_id`,
  deleteExecutor: "DELETE FROM executors WHERE id = ?",
  putNode: `INSERT INTO nodes (name, state, capacity, allocatable, arch, os, shim, last_heartbeat, instance, address, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET
         state = excluded.state, capacity = excluded.capacity, allocatable = excluded.allocatable,
         arch = excluded.arch, os = excluded.os, shim = excluded.shim, last_heartbeat = excluded.last_heartbeat,
         instance = excluded.instance, address = excluded.address, owner = excluded.owner`,
  deleteNode: "DELETE FROM nodes WHERE name = ?",
  putTask: `INSERT INTO tasks (session_id, id, state, creation_time, completion_time, input_bytes, output_bytes,
                          attempt, crashes, lost_nodes, executor_id, events, input, output, term, deadline)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (session_id, id) DO UPDATE SET
         state = excluded.state, completion_time = excluded.completion_time, output_bytes = excluded.output_bytes,
         attempt = excluded.attempt, crashes = excluded.crashes, lost_nodes = excluded.lost_nodes,
         executor_id = excluded.executor_id, events = excluded.events,
         input = coalesce(excluded.input, input), output = coalesce(excluded.output, output)`,
  putPayload: "INSERT INTO task_payloads (session_id, task_id, kind, data) VALUES (?, ?, ?, ?)",
  putSubmits: `INSERT INTO submits (session_id, producer, first_number, first_task, count) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (session_id, producer, first_number) DO UPDATE SET count = excluded.count`,
  cancelTasks:
    "UPDATE tasks SET state = 'Cancelled', completion_time = ? WHERE session_id = ? AND state = 'Pending'",
  deleteSession: "DELETE FROM sessions WHERE id = ?",
  deleteTask: "DELETE FROM tasks WHERE session_id = ? AND id = ?",
  deleteTasks: "DELETE FROM tasks WHERE session_id = ? AND id <= ?",
  putForgotten:
    "UPDATE session_counts SET forgotten = ?, forgotten_through = ? WHERE session_id = ?",
  markSession: "UPDATE sessions SET state = 'Deleted' WHERE id = ?",
} as const;

export type WriteName = keyof typeof writes;
