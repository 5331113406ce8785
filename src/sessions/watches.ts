import type { StreamToken, Token } from "../kit/turn.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { isTerminal, type TaskRecord, type TaskReply } from "../model/task.ts";
import type { SessionEntry } from "./session-entry.ts";

// docs/protocol.md, "WatchTask": a watcher hears each state that differs from the last it knew, the last of them terminal.

/** Registers a watcher of an open task. */
export function watchTask(
  entry: SessionEntry,
  task: TaskRecord,
  token: StreamToken<TaskReply>,
): void {
  const watchers = entry.watchers.get(task.id) ?? [];
  watchers.push({ token, lastState: task.state });
  entry.watchers.set(task.id, watchers);
}

/** Removes a watcher whose client went away. */
export function unwatchTask(entry: SessionEntry, taskId: number, token: Token): void {
  const left = (entry.watchers.get(taskId) ?? []).filter((watcher) => watcher.token !== token);
  if (left.length > 0) entry.watchers.set(taskId, left);
  else entry.watchers.delete(taskId);
}

/** Tells the watchers of `task` its state, and ends their streams when it is terminal. */
export function notifyWatchers(turn: FlameTurn, entry: SessionEntry, task: TaskRecord): void {
  if (isTerminal(task.state)) notifySubmitter(turn, entry, task);
  const watchers = entry.watchers.get(task.id);
  if (watchers === undefined) return;
  for (const watcher of watchers) {
    if (watcher.lastState === task.state) continue;
    watcher.lastState = task.state;
    turn.push(watcher.token, { task });
    if (isTerminal(task.state)) turn.end(watcher.token);
  }
  if (isTerminal(task.state)) entry.watchers.delete(task.id);
}

/** Tells the stream that submitted the task how it ended. */
function notifySubmitter(turn: FlameTurn, entry: SessionEntry, task: TaskRecord): void {
  if (!entry.hasSubmits) return;
  const listener = entry.submits.listenerOf(task.id);
  if (listener !== undefined) turn.push(listener.stream, { number: listener.number, task });
}
