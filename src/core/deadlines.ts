import type { FlameTurn } from "../model/flame-turn.ts";
import { continueRemoval } from "./application-removal.ts";
import { passDeadline, timeOut } from "./ended-tasks.ts";
import { dismiss } from "./executor-commands.ts";
import { instancesOf } from "./executor-waits.ts";
import { reportLongWaits } from "./long-waits.ts";
import { giveNodeUp, loseNode } from "./node-commands.ts";
import { deleteSession } from "./session-deletion.ts";
import type { CoreState, DeadlineKind } from "./state.ts";
import { closeIfUnused } from "./unused-sessions.ts";

/** After a long time without a session manager very much is due at once: turn by turn, that nobody is held. */
const dueAtOnce = 500;

/** At latest so long after it has begun a task's lease is on disk, in milliseconds. */
const writtenAfterMs = 1_000;

/** The one deadline of its kind. */
const allLeases = "all leases";

/** Leases go to disk with whatever goes there; when nothing does, after a second. */
export function noteLeases(state: CoreState, turn: FlameTurn): void {
  if (state.unwritten.size === 0) return;
  if (turn.changes.length > 0) writeLeases(state, turn);
  else if (!state.writeAwaited) {
    state.writeAwaited = true;
    state.deadlines.set("write", allLeases, turn.steady + writtenAfterMs);
  }
}

/** Does what is due at the moment of the turn. */
export function runDeadlines(state: CoreState, turn: FlameTurn): void {
  const waits: string[] = [];
  for (const { kind, id } of state.deadlines.takeDue(turn.steady, dueAtOnce)) {
    if (kind === "wait") waits.push(id);
    else expire(state, turn, kind, id);
  }
  passDeadlines(state, turn);
  // Last, and all together: why they wait is found with one look at nodes and executors.
  reportLongWaits(state, turn, waits);
}

function passDeadlines(state: CoreState, turn: FlameTurn): void {
  for (const { kind: sessionId, id } of state.sessions.taskDeadlines.takeDue(
    turn.steady,
    dueAtOnce,
  )) {
    const entry = state.sessions.find(sessionId);
    const task = entry?.tasks.get(id);
    if (entry !== undefined && task !== undefined) passDeadline(state, turn, entry, task);
  }
}

function expire(
  state: CoreState,
  turn: FlameTurn,
  kind: Exclude<DeadlineKind, "wait">,
  id: string,
): void {
  switch (kind) {
    case "launch":
      stopWaiting(state, turn, id);
      return;
    case "silence": {
      const node = state.nodes.find(id);
      if (node !== undefined) loseNode(state, turn, node);
      return;
    }
    case "grace": {
      const node = state.nodes.find(id);
      if (node !== undefined) giveNodeUp(state, turn, node);
      return;
    }
    case "bind":
      // No book changes: the session may be given an executor again, that is all.
      state.scheduleWanted.raise();
      return;
    case "unused": {
      const entry = state.sessions.find(id);
      if (entry !== undefined) closeIfUnused(state, turn, entry);
      return;
    }
    case "write":
      writeLeases(state, turn);
      return;
    case "timeout":
      timeOut(state, turn, id);
      return;
    case "removal":
      continueRemoval(state, turn, id);
      return;
    case "retention": {
      const entry = state.sessions.find(id);
      if (entry?.record.state === "Closed") deleteSession(state, turn, entry);
      return;
    }
  }
}

/** The leases of tasks that have begun since the last commit. */
export function writeLeases(state: CoreState, turn: FlameTurn): void {
  for (const entry of state.unwritten) entry.writeBegun(turn);
  state.unwritten.clear();
  state.writeAwaited = false;
  state.deadlines.clear("write", allLeases);
}

/** delay_release passed without a task: the executor unbinds, unless its session keeps that many instances warm. */
function stopWaiting(state: CoreState, turn: FlameTurn, executorId: string): void {
  const executor = state.executors.find(executorId);
  const entry = executor === undefined ? undefined : state.sessionOf(executor);
  if (executor === undefined || entry === undefined) return;
  if (instancesOf(state, entry) > entry.record.minInstances) {
    state.executors.reclaim(executor);
    dismiss(state, turn, entry, executor);
    return;
  }
  const delayReleaseMs =
    1000 * Math.max(1, state.applicationOf(entry.record)?.spec.delay_release ?? 1);
  state.deadlines.set("launch", executorId, turn.steady + delayReleaseMs);
}
