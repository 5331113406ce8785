import type { BindReply, ExecutorEntry } from "../executors/executor-book.ts";
import type { CallToken } from "../kit/turn.ts";
import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { type LaunchReply, leaseOf, type TaskRecord } from "../model/task.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { CoreState } from "./state.ts";
import { beginTask } from "./task-limits.ts";

// The two calls of an executor that wait: BindExecutor for a session, LaunchTask for a task.
// Each executor has at most one of each: a newer call takes the place of one whose connection is dead.

const superseded = (call: string, executorId: string): FlameError =>
  new FlameError(
    "aborted",
    `${call} of executor ${executorId} was superseded by a newer call of the same executor`,
  );

export function waitForSession(
  turn: FlameTurn,
  executor: ExecutorEntry,
  token: CallToken<BindReply>,
): void {
  if (executor.bindWaiter !== undefined) {
    turn.fail(executor.bindWaiter, superseded("BindExecutor", executor.record.id));
  }
  executor.bindWaiter = token;
}

export function answerBind(turn: FlameTurn, executor: ExecutorEntry, reply: BindReply): void {
  if (executor.bindWaiter === undefined) return;
  turn.reply(executor.bindWaiter, reply);
  executor.bindWaiter = undefined;
}

export function waitForTask(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executor: ExecutorEntry,
  token: CallToken<LaunchReply>,
  delayReleaseMs: number,
): void {
  const { id } = executor.record;
  entry.launchWaiters.set(id, token);
  letWait(state, turn, id, delayReleaseMs);
}

/** The executor has nothing to do, and stays for so long. */
export function letWait(
  state: CoreState,
  turn: FlameTurn,
  executorId: string,
  delayReleaseMs: number,
): void {
  state.deadlines.set("launch", executorId, turn.steady + delayReleaseMs);
  // An executor that only waits may be what another session lacks.
  state.scheduleWanted.raise();
}

/** A newer LaunchTask call of the executor has come: the connection of an older one is dead. */
export function supersedeLaunch(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executorId: string,
): void {
  const older = entry.launchWaiters.get(executorId);
  if (older === undefined) return;
  entry.launchWaiters.delete(executorId);
  state.deadlines.clear("launch", executorId);
  turn.fail(older, superseded("LaunchTask", executorId));
}

/** Ends the LaunchTask call of an executor: with a task, or empty. */
export function answerLaunch(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executorId: string,
  task?: TaskRecord,
): void {
  const token = entry.launchWaiters.get(executorId);
  if (token === undefined) return;
  entry.launchWaiters.delete(executorId);
  state.deadlines.clear("launch", executorId);
  turn.reply(token, task === undefined ? {} : { task });
}

/**
 * Pending tasks go to the executors of their session that wait, longest waiting first. Those on a node that is not Ready
 * go on waiting: nobody knows whether their calls still live.
 */
export function handToWaiters(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  if (entry.launchWaiters.size === 0) return;
  for (const executorId of [...entry.launchWaiters.keys()]) {
    const executor = state.executors.find(executorId);
    if (executor === undefined || executor.reclaimed || !isReady(state, executor)) continue;
    const task = beginTask(state, turn, entry, executorId);
    if (task === undefined) return;
    executor.running = { id: leaseOf(task), taskId: task.id };
    answerLaunch(state, turn, entry, executorId, task);
  }
}

/** Its node is there. */
export function isReady(state: CoreState, executor: ExecutorEntry): boolean {
  return state.nodes.find(executor.record.node)?.record.state === "Ready";
}

/** Executors that serve the session and are not about to leave it. */
export function instancesOf(state: CoreState, entry: SessionEntry): number {
  let count = 0;
  for (const id of entry.executors) {
    const executor = state.executors.find(id);
    if (executor !== undefined && !executor.reclaimed && executor.record.state !== "Unbinding")
      count++;
  }
  return count;
}
