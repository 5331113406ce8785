import type { ExecutorEntry } from "../executors/executor-book.ts";
import { eventCodes } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { TaskRecord } from "../model/task.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { type Ending, failPending, stopTask } from "../sessions/task-life.ts";
import { setCredit, wantAllBack, withdraw } from "./local-queues.ts";
import type { CoreState } from "./state.ts";
import { timeoutMsOf } from "./task-limits.ts";

// Tasks that end from outside: by a cancel, or because they took too long (docs/protocol.md, "Cancelling"). For clients they
// end at once. The executors of those that ran are Releasing from then on: they keep their room and their place among
// the instances of the session until their nodes say that they are gone.

/** Ends a Running task, and sees to the end of what runs it. Names the node when that cannot end it. */
export function endRunning(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
  { code, detail, message }: Ending,
): string | undefined {
  const executor =
    task.executorId === undefined ? undefined : state.executors.find(task.executorId);
  const node = executor === undefined ? undefined : state.nodes.find(executor.record.node);
  // A node that is away for the moment is told when it is back, if it is one that can be told.
  const busy = node?.record.state === "Ready" && !node.endsServices ? node.record.name : undefined;
  const slot =
    busy === undefined
      ? ""
      : `; node ${busy} cannot end a running service: executor ${executor?.record.id ?? ""} stays busy until the service returns`;
  stopTask(turn, entry, task, { code, detail, message: `${message}${slot}` });
  if (executor !== undefined) sendAway(state, turn, executor);
  return busy;
}

/** The time that its application gives each attempt has passed. */
export function timeOut(state: CoreState, turn: FlameTurn, executorId: string): void {
  const executor = state.executors.find(executorId);
  const entry = executor === undefined ? undefined : state.sessionOf(executor);
  const task = executor?.taskId === undefined ? undefined : entry?.tasks.get(executor.taskId);
  if (executor === undefined || entry === undefined || task === undefined) return;
  const timeoutMs = timeoutMsOf(state, entry);
  if (timeoutMs === undefined) return;
  const { application } = entry.record;
  const message = `the task did not end within ${timeoutMs / 1000} s, the task_timeout of application ${application}`;
  endRunning(state, turn, entry, task, {
    code: eventCodes.timedOut,
    detail: `timed out on executor ${executorId} of node ${executor.record.node}`,
    message,
  });
}

/** The time that its submit gave the task has passed, wherever it is. */
export function passDeadline(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  task: TaskRecord,
): void {
  const timeoutMs = (task.deadline ?? turn.now) - task.creationTime;
  const limit = `the task did not end within ${timeoutMs / 1000} s of its submit, which is the timeout that it was submitted with`;
  const code = eventCodes.timedOut;
  if (task.state === "Running") {
    const { executorId = "" } = task;
    const node = state.executors.find(executorId)?.record.node ?? "";
    const message = `${limit}: it ran on node ${node}; give it more time, or make it do less`;
    const detail = `its deadline passed on executor ${executorId} of node ${node}`;
    endRunning(state, turn, entry, task, { code, detail, message });
    return;
  }
  withdraw(state, turn, entry, task.id);
  const message = `${limit}: it waited for an executor; give it more time, or the session more executors (flmctl view session ${entry.record.id} tells what it waits for)`;
  failPending(turn, entry, task, { code, detail: "its deadline passed while it waited", message });
}

/** A node that ends services is told to forget the executor, which ends its service; others let it return. */
export function sendAway(state: CoreState, turn: FlameTurn, executor: ExecutorEntry): void {
  const entry = state.sessionOf(executor);
  // Its node may have begun what waits there: only when the executor is gone it is known what is left of it.
  wantAllBack(state, turn, executor);
  state.executors.endRunning(executor);
  state.executors.transition(turn, executor, "Releasing", executor.record.sessionId);
  state.deadlines.clear("timeout", executor.record.id);
  if (entry !== undefined) setCredit(state, entry, executor, 0);
  const node = state.nodes.find(executor.record.node);
  if (node?.endsServices === true)
    state.nodes.push(turn, node, { executor: executor.record, released: true });
}
