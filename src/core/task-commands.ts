import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { TaskReply } from "../model/task.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { createTask } from "../sessions/task-life.ts";
import { watchTask } from "../sessions/watches.ts";
import { handOut } from "./hand-out.ts";
import { type Handlers, waits } from "./handler.ts";
import { checkTaskQuota } from "./quotas.ts";
import type { CoreState } from "./state.ts";
import { closedBecause } from "./unused-sessions.ts";

/** A full queue: some hundred tasks later. */
const retryOpenTasksMs = 1_000;

/** Tasks as clients see them: docs/protocol.md, "Tasks". */
export const taskHandlers: Handlers<"task.create" | "task.get" | "task.watch" | "task.list"> = {
  "task.create": (state, turn, { sessionId, input, timeoutMs }) => {
    const entry = state.sessions.get(sessionId);
    checkMayCreate(state, entry, input?.length);
    const task = createTask(turn, entry, input, state.options.term, timeoutMs);
    offerTasks(state, turn, entry);
    return { task };
  },

  "task.get": (state, _turn, { sessionId, taskId }) => findTask(state, sessionId, taskId),

  "task.watch": (state, turn, { sessionId, taskId }, token) => {
    const found = findTask(state, sessionId, taskId);
    if ("stored" in found) {
      turn.push(token, found);
      turn.end(token);
    } else {
      watchTask(state.sessions.get(sessionId), found.task, token);
    }
    return waits;
  },

  "task.list": (state, _turn, { sessionId }) => state.sessions.get(sessionId).key,
};

/** @throws FlameError when the session takes no task now, or none with an input of so many bytes. */
export function checkMayCreate(state: CoreState, entry: SessionEntry, inputBytes = 0): void {
  const { record } = entry;
  if (record.state !== "Open") {
    const because = closedBecause(record);
    throw new FlameError(
      "invalid_state",
      `Cannot create task in closed session ${record.id}${because === undefined ? "" : ` (${because})`}; create a new session`,
    );
  }
  checkOpenTasks(state, entry);
  checkTaskQuota(entry, inputBytes);
}

/** Tasks were made: they are handed out at once where somebody takes them. */
export function offerTasks(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  handOut(state, turn, entry);
  // Executors that it has may be on their way out, or on lost nodes: the scheduler knows which ones count.
  // One more task of a session that is short already changes nothing.
  if (entry.counts.pending > 0 && !state.schedule.short.has(entry.record.id))
    state.scheduleWanted.raise();
}

/**
 * A session gets at most as many open tasks as are still free for all others: however full the queue of one is, there
 * is room for the next one.
 * @throws FlameError resource_exhausted
 */
function checkOpenTasks({ sessions, options }: CoreState, { record, counts }: SessionEntry): void {
  const free = options.openTasksMax - sessions.openTasks;
  const own = counts.pending + counts.running;
  if (own < free) return;
  throw new FlameError(
    "resource_exhausted",
    `the task was not created: session ${record.id} has ${own} open tasks, and of the ${options.openTasksMax} that the cluster keeps (cluster.limits.max_open_tasks) ${free} are free; a session may have as many as are free: wait until some have ended`,
    { retryAfterMs: retryOpenTasksMs },
  );
}

function findTask(state: CoreState, sessionId: string, taskId: number): TaskReply {
  const entry = state.sessions.get(sessionId);
  const task = entry.tasks.get(taskId);
  if (task !== undefined) return { task };
  if (taskId >= 1 && taskId <= entry.lastTaskId) return { stored: { session: entry.key, taskId } };
  throw new FlameError(
    "not_found",
    `task ${taskId} of session ${sessionId} not found: the session has ${entry.lastTaskId === 1 ? "1 task" : `${entry.lastTaskId} tasks`}, counted from 1`,
  );
}
