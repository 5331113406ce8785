import type { ExecutorEntry, Lease } from "../executors/executor-book.ts";
import type { NodeEntry, WorkPush } from "../executors/node-book.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { queuedLeaseOf } from "../model/task.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { CoreState } from "./state.ts";
import { beginQueued } from "./task-limits.ts";

// Executors on work streams: tasks are handed to them ahead, and taken back when another one could run them sooner
// (docs/protocol.md, "Streams of nodes"). Who waits at an executor is Pending, and of no executor for anybody else.

/** Sorts the executor anew among those of its session that take work: whoever changes what that depends on calls it. */
export function place(state: CoreState, entry: SessionEntry, executor: ExecutorEntry): void {
  const { id } = executor.record;
  const { held } = executor;
  const takes = executor.credit > held && takesWork(state, entry, executor);
  if (takes && held === 0) entry.idle.add(id);
  else entry.idle.delete(id);
  const sortedBy = takes ? held : 0;
  if (sortedBy === executor.sortedBy) return;
  entry.roomy[executor.sortedBy]?.delete(id);
  executor.sortedBy = sortedBy;
  if (sortedBy === 0) return;
  (entry.roomy[sortedBy] ??= new Set()).add(id);
  if (sortedBy < entry.leastHeld) entry.leastHeld = sortedBy;
}

/** It takes so many leases from now on; 0: nothing new. */
export function setCredit(
  state: CoreState,
  entry: SessionEntry,
  executor: ExecutorEntry,
  credit: number,
): void {
  executor.credit = credit;
  place(state, entry, executor);
}

/** Who gets the next task: whoever has nothing to do, else whoever has the least. */
function nextTaker(entry: SessionEntry): string | undefined {
  const { idle, roomy } = entry;
  for (const id of idle) return id;
  for (; entry.leastHeld < roomy.length; entry.leastHeld++)
    for (const id of roomy[entry.leastHeld] ?? []) return id;
  return undefined;
}

/** The node went, or is there again. */
export function placeAll(state: CoreState, node: NodeEntry): void {
  for (const executor of state.executors.ofNode(node.record.name)) {
    const entry = state.sessionOf(executor);
    if (entry !== undefined) place(state, entry, executor);
  }
}

function takesWork(state: CoreState, entry: SessionEntry, executor: ExecutorEntry): boolean {
  if (executor.reclaimed || executor.record.state !== "Bound") return false;
  const node = state.nodes.find(executor.record.node);
  return entry.record.state === "Open" && node?.record.state === "Ready" && node.work !== undefined;
}

/**
 * Hands Pending tasks out: one to each executor that has nothing to do, and only when there is none left, further ones
 * ahead, in turn. The first lease of a task that this term made may leave before the turn is on disk. Any later one may not:
 * the disk has to know first what became of the executor that had the task.
 */
export function fill(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  while (entry.pending.size > 0) {
    const next = nextTaker(entry);
    const executor = next === undefined ? undefined : state.executors.find(next);
    if (next === undefined || executor === undefined) return;
    const isNew = entry.pending.firstIsNew;
    const assignment = leaseNext(state, entry, executor);
    if (assignment === undefined) return;
    const early = isNew && assignment.task.term === state.options.term;
    const work = state.nodes.find(executor.record.node)?.work;
    if (work !== undefined) turn.pushOrdered(work, assignment, early);
    beginNext(state, turn, entry, executor);
  }
}

/** The executor has the lowest Pending task, behind what it holds. @returns what its node is to be told */
export function leaseNext(
  state: CoreState,
  entry: SessionEntry,
  executor: ExecutorEntry,
): Extract<WorkPush, { kind: "assignment" }> | undefined {
  const taskId = entry.pending.take();
  const task = taskId === undefined ? undefined : entry.tasks.get(taskId);
  if (task === undefined) return undefined;
  const lease = queuedLeaseOf(state.options.term, ++state.leases, task.attempt + 1);
  executor.ahead.push({ id: lease, taskId: task.id });
  entry.queued++;
  return { kind: "assignment", executorId: executor.record.id, lease, task };
}

/** A bound executor that runs nothing goes on at once with what waits there. */
export function beginNext(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executor: ExecutorEntry,
): void {
  if (executor.record.state === "Bound") beginFirst(state, turn, entry, executor);
  else place(state, entry, executor);
}

/** The executor runs nothing, and has begun what waits there first. */
export function beginFirst(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executor: ExecutorEntry,
): void {
  const next = executor.running === undefined ? executor.ahead.shift() : undefined;
  const task = next === undefined ? undefined : entry.tasks.get(next.taskId);
  if (next !== undefined && task !== undefined) {
    executor.running = next;
    entry.queued--;
    state.deadlines.clear("launch", executor.record.id);
    state.unwritten.add(entry);
    beginQueued(state, turn, entry, executor.record.id, task);
  }
  place(state, entry, executor);
}

/** An executor has nothing to do and nothing is Pending but at others: half of the longest queue is asked for. */
export function rebalance(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  if (entry.queued === 0 || entry.pending.size > 0) return;
  let longest: ExecutorEntry | undefined;
  for (const id of entry.executors) {
    const executor = state.executors.find(id);
    if ((executor?.ahead.length ?? 0) > (longest?.ahead.length ?? 0)) longest = executor;
  }
  if (longest === undefined) return;
  const { ahead } = longest;
  wantBack(state, turn, longest, ahead.slice(-Math.ceil(ahead.length / 2)));
}

/** The executor is to leave its session: what has not begun is asked for. */
export function wantAllBack(state: CoreState, turn: FlameTurn, executor: ExecutorEntry): void {
  wantBack(state, turn, executor, executor.ahead);
}

function wantBack(
  state: CoreState,
  turn: FlameTurn,
  executor: ExecutorEntry,
  leases: readonly Lease[],
): void {
  const wanted = leases.filter((lease) => lease.wantedBack !== true);
  if (wanted.length === 0) return;
  for (const lease of wanted) lease.wantedBack = true;
  pushWork(state, turn, executor, {
    kind: "takeBack",
    executorId: executor.record.id,
    leases: wanted.map(({ id }) => id),
  });
}

/** What waits at the executor is nobody's again, in its old order; it never began, so nothing is told. */
export function unqueue(
  state: CoreState,
  entry: SessionEntry,
  executor: ExecutorEntry,
  which: (lease: Lease) => boolean = () => true,
): void {
  const { ahead } = executor;
  executor.ahead = [];
  for (const lease of ahead) {
    if (!which(lease)) {
      executor.ahead.push(lease);
      continue;
    }
    entry.queued--;
    entry.pending.putBack(lease.taskId);
  }
  place(state, entry, executor);
}

/** The executor that a Pending task waits at is to forget it: it is nobody's again. */
export function withdraw(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  taskId: number,
): void {
  if (entry.queued === 0 || entry.pending.has(taskId)) return;
  for (const id of entry.executors) {
    const executor = state.executors.find(id);
    const lease = executor?.ahead.find((one) => one.taskId === taskId);
    if (executor === undefined || lease === undefined) continue;
    wantBack(state, turn, executor, [lease]);
    unqueue(state, entry, executor, (one) => one === lease);
    return;
  }
}

/** Every Pending task of the session is nobody's again. */
export function withdrawAll(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  if (entry.queued === 0) return;
  for (const id of entry.executors) {
    const executor = state.executors.find(id);
    if (executor === undefined) continue;
    wantAllBack(state, turn, executor);
    unqueue(state, entry, executor);
  }
}

/** Sends on the work stream of the executor's node; without one, the next stream tells anew what counts. */
export function pushWork(
  state: CoreState,
  turn: FlameTurn,
  executor: ExecutorEntry,
  push: WorkPush,
): void {
  const work = state.nodes.find(executor.record.node)?.work;
  if (work !== undefined) turn.push(work, push);
}
