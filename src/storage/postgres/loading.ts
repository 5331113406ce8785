import { frameMark } from "../../model/frame.ts";
import type { TaskRecord } from "../../model/task.ts";
import type { StoredSession, StoredState } from "../store.ts";
import {
  type ApplicationRow,
  applicationColumns,
  countsOf,
  type ExecutorRow,
  executorOf,
  type NodeRow,
  nodeOf,
  rangeOf,
  readApplications,
  revisionColumns,
  type SessionRow,
  type SubmitRow,
  sessionReader,
  type TaskRow,
  taskColumns,
  taskReader,
} from "../stored-rows.ts";
import type { Ask } from "./reads.ts";
import { statement } from "./statement.ts";

/** Of these rows there may be very many: so many are asked for at once. */
const rowsAtOnce = 20_000;

type FillDefaults = Parameters<typeof readApplications>[1];

const columns = `${applicationColumns}, ${revisionColumns}`;

/** Reads the state that the core starts from, while nothing is committed. */
export async function loadState(ask: Ask, fillDefaults: FillDefaults): Promise<StoredState> {
  const applications = await ask<ApplicationRow>(
    statement(
      "",
      `SELECT ${columns} FROM applications a
         JOIN application_revisions r ON r.name = a.name AND r.revision = a.revision ORDER BY a.name`,
    ),
  );
  const pinned = await ask<ApplicationRow>(
    statement(
      "",
      `SELECT DISTINCT ${columns} FROM sessions s JOIN applications a ON a.name = s.application
         JOIN application_revisions r ON r.name = s.application AND r.revision = s.application_revision
         WHERE s.state = 'Open' AND s.application_revision <> a.revision`,
    ),
  );
  const submits = `SELECT u.* FROM submits u JOIN sessions s ON s.id = u.session_id WHERE s.state = 'Open'
     ORDER BY u.session_id, u.producer, u.first_number`;
  return {
    ...readApplications(applications, fillDefaults),
    pinnedRevisions: readApplications(pinned, fillDefaults).applications,
    sessions: await loadSessions(ask),
    openTasks: await loadOpenTasks(ask),
    submits: (await ask<SubmitRow>(statement("", submits))).map(rangeOf),
    executors: (await ask<ExecutorRow>(statement("", "SELECT * FROM executors ORDER BY id"))).map(
      executorOf,
    ),
    nodes: (await ask<NodeRow>(statement("", "SELECT * FROM nodes ORDER BY name"))).map(nodeOf),
  };
}

async function loadSessions(ask: Ask): Promise<StoredSession[]> {
  // Of closed ones nobody asks how their common data begins, and there may be many.
  const text = `SELECT s.*, c.pending, c.running, c.succeed, c.failed, c.cancelled, c.last_task_id,
       CASE WHEN s.state = 'Open' AND EXISTS (SELECT FROM session_common_data d WHERE d.session_id = s.id
         AND substring(d.data FROM 1 FOR ${frameMark.length}) = '\\x${frameMark.toString("hex")}'::bytea)
         THEN 1 ELSE 0 END AS framed
     FROM sessions s LEFT JOIN session_counts c ON c.session_id = s.id
     WHERE s.state <> 'Deleted' AND (s.creation_time, s.id) > ($1::bigint, $2)
     ORDER BY s.creation_time, s.id LIMIT ${rowsAtOnce}`;
  const read = sessionReader();
  const sessions: StoredSession[] = [];
  for (;;) {
    const last = sessions.at(-1)?.record;
    const after = [last?.creationTime ?? Number.MIN_SAFE_INTEGER, last?.id ?? ""] as const;
    const rows = await ask<SessionRow>(statement("", text, ...after));
    for (const row of rows)
      sessions.push({
        record: read(row),
        counts: countsOf(row),
        lastTaskId: row.last_task_id ?? 0,
      });
    if (rows.length < rowsAtOnce) return sessions;
  }
}

async function loadOpenTasks(ask: Ask): Promise<TaskRecord[]> {
  const text = `SELECT ${taskColumns} FROM tasks t WHERE t.state IN ('Pending', 'Running')
       AND NOT EXISTS (SELECT FROM sessions s WHERE s.id = t.session_id AND s.state = 'Deleted')
       AND (t.session_id, t.id) > ($1, $2::bigint)
     ORDER BY t.session_id, t.id LIMIT ${rowsAtOnce}`;
  const read = taskReader();
  const tasks: TaskRecord[] = [];
  for (;;) {
    const last = tasks.at(-1);
    const asked = statement("", text, last?.sessionId ?? "", last?.id ?? 0);
    const rows = await ask<TaskRow>(asked);
    for (const row of rows) tasks.push(read(row));
    if (rows.length < rowsAtOnce) return tasks;
  }
}
