import type { ExecutorEntry, Lease } from "../executors/executor-book.ts";
import type { NodeEntry } from "../executors/node-book.ts";
import type { Token } from "../kit/turn.ts";
import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { attemptOf, serviceCrashCode, type TaskOutcome, termOf } from "../model/task.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { unbeginTask } from "../sessions/task-life.ts";
import { sendAway } from "./ended-tasks.ts";
import { dismiss, endAttempt, waitForMore } from "./executor-commands.ts";
import { entered, giveAgain } from "./given-sessions.ts";
import { handOut, heardOf } from "./hand-out.ts";
import { type Handlers, waits } from "./handler.ts";
import { beginFirst, beginNext, placeAll, setCredit, unqueue } from "./local-queues.ts";
import { refuseStranger } from "./node-owners.ts";
import type { AwaitingTask, HeldLease } from "./node-work.ts";
import type { CoreState } from "./state.ts";

/** The work stream of a node: docs/protocol.md, "Streams of nodes". */
export const workHandlers: Handlers<"node.work" | "node.worked"> = {
  "node.work": (state, turn, { name, caller, warm = 0, binds = false }, token) => {
    const node = state.nodes.find(name);
    refuseStranger(node, caller?.identity);
    if (node?.record.state !== "Ready") {
      const text = `Work: node ${name} is ${node?.record.state ?? "not known"}: it must register first (RegisterNode)`;
      turn.end(token, new FlameError("invalid_state", text));
      return waits;
    }
    if (node.record.instance !== caller?.instance) {
      const text =
        `Work: another executor manager has registered as node ${name} since, from ` +
        `${node.record.address ?? "an unknown address"}: register again (RegisterNode), which says more`;
      turn.end(token, new FlameError("aborted", text));
      return waits;
    }
    dropWork(turn, node);
    node.work = token;
    node.takesBinds = binds;
    node.warmPlaces = warm;
    node.warmTold = undefined;
    state.warm.changed = true;
    // Each says anew what it has, and gets nothing before: what was sent meanwhile would look lost.
    for (const executor of state.executors.ofNode(name)) {
      const entry = state.sessionOf(executor);
      if (entry === undefined) continue;
      setCredit(state, entry, executor, 0);
      // Without a bind on a stream nothing is there before the session is entered.
      if (!binds && executor.record.state === "Binding")
        heardOf(state, turn, entry, executor.record.id);
    }
    giveAgain(state, turn, node);
    return waits;
  },

  "node.worked": (state, turn, { stream, name, work }) => {
    const node = state.nodes.find(name);
    if (node === undefined || node.work !== stream) return undefined;
    const own = (id: string): ExecutorEntry | undefined => {
      const executor = state.executors.find(id);
      return executor?.record.node === name ? executor : undefined;
    };
    for (const { executorId, held } of work.ready) {
      const executor = own(executorId);
      // The first word of an earlier session may come late: what is handed out since is not lost.
      if (held === undefined || executor?.introduced === stream) continue;
      align(state, turn, node, executorId, executor, held);
      if (executor !== undefined) executor.introduced = stream;
    }
    for (const { executorId, entered: sessionId } of work.ready) {
      const executor = own(executorId);
      if (executor !== undefined && sessionId !== undefined)
        entered(state, turn, executor, sessionId);
    }
    const acknowledged = new Map<string, string[]>();
    const changed = new Set<SessionEntry>();
    const heard = new Set<string>();
    for (const { executorId, leases } of work.returns) {
      const executor = own(executorId);
      const entry = executor === undefined ? undefined : state.sessionOf(executor);
      if (executor === undefined || entry === undefined) continue;
      takeReturned(state, turn, entry, executor, new Set(leases));
      changed.add(entry);
    }
    for (const { executorId, lease, outcome } of work.completions) {
      const executor = own(executorId);
      const entry =
        executor === undefined ? undefined : complete(state, turn, executor, lease, outcome);
      if (entry !== undefined) changed.add(entry);
      heard.add(executorId);
      const leases = acknowledged.get(executorId);
      if (leases === undefined) acknowledged.set(executorId, [lease]);
      else leases.push(lease);
    }
    for (const { executorId, begun } of work.returns) {
      const executor = begun === undefined ? undefined : own(executorId);
      const isOver = acknowledged.get(executorId)?.includes(begun ?? "") === true;
      if (executor !== undefined && !isOver) noteStray(state, turn, executor, begun ?? "");
    }
    for (const one of work.awaits) {
      const executor = own(one.executorId);
      if (executor !== undefined) noteAwaiting(state, executor, one);
    }
    for (const [executorId, leases] of acknowledged)
      turn.push(node.work, { kind: "acknowledgement", executorId, leases });
    for (const { executorId, credit } of work.ready) {
      const executor = own(executorId);
      const entry = executor === undefined ? undefined : state.sessionOf(executor);
      if (executor === undefined || entry === undefined) {
        turn.push(node.work, { kind: "leave", executorId });
        continue;
      }
      heard.add(executorId);
      setCredit(state, entry, executor, executor.record.state === "Bound" ? credit : 0);
      heardOf(state, turn, entry, executorId);
      changed.add(entry);
      if (executor.record.state !== "Bound" || executor.reclaimed || entry.record.state !== "Open")
        dismiss(state, turn, entry, executor);
    }
    for (const entry of changed) {
      handOut(state, turn, entry);
      for (const id of heard) if (entry.idle.has(id)) waitForMore(state, turn, entry, id);
    }
    return undefined;
  },
};

function noteAwaiting(
  state: CoreState,
  executor: ExecutorEntry,
  { lease, sessionIds }: AwaitingTask,
): void {
  const { running } = executor;
  // Its end was told before, or its node is not believed to have it.
  if (running?.id !== lease) return;
  state.executors.setAwaits(running, sessionIds);
  state.awaiting.add(executor);
}

/** The work stream of a node broke: nothing is handed out there until it is back. */
export function workBroke(state: CoreState, name: string, stream: Token): void {
  const node = state.nodes.find(name);
  if (node === undefined || node.work !== stream) return;
  node.work = undefined;
  placeAll(state, node);
}

/** Whatever comes on the present stream no longer counts. */
export function dropWork(turn: FlameTurn, node: NodeEntry): void {
  if (node.work === undefined) return;
  turn.end(node.work);
  node.work = undefined;
}

/** @returns the session whose task has ended; undefined when the result came too late, and is dropped. */
function complete(
  state: CoreState,
  turn: FlameTurn,
  executor: ExecutorEntry,
  lease: string,
  outcome: TaskOutcome,
): SessionEntry | undefined {
  const entry = state.sessionOf(executor);
  if (executor.stray === lease) executor.stray = undefined;
  if (entry === undefined) return undefined;
  // Its executor was told to end, and its node had gone on before it heard of that.
  if (executor.ahead[0]?.id === lease) beginFirst(state, turn, entry, executor);
  const { running } = executor;
  const task = running === undefined ? undefined : entry.tasks.get(running.taskId);
  if (running?.id !== lease || task === undefined) return undefined;
  state.executors.endRunning(executor);
  // With its service everything ends that had not begun.
  if (outcome.returnCode === serviceCrashCode) unqueue(state, entry, executor);
  endAttempt(state, turn, entry, executor, task, outcome);
  if (executor.stray === undefined) beginNext(state, turn, entry, executor);
  else sendAway(state, turn, executor);
  return entry;
}

/**
 * A task ended from outside while it waited at the executor, and its node had begun it before it heard of that: it is ended
 * there, like one that was known to run, as soon as the results before it have come.
 */
function noteStray(
  state: CoreState,
  turn: FlameTurn,
  executor: ExecutorEntry,
  lease: string,
): void {
  const { running, ahead, record } = executor;
  if (record.state !== "Bound" || running?.id === lease) return;
  if (ahead.some(({ id }) => id === lease)) return;
  if (running === undefined) sendAway(state, turn, executor);
  else executor.stray = lease;
}

function takeReturned(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executor: ExecutorEntry,
  returned: ReadonlySet<string>,
): void {
  unqueue(state, entry, executor, ({ id }) => returned.has(id));
  // Refused, or no longer there: it may be asked for again.
  for (const lease of executor.ahead) delete lease.wantedBack;
  const { running } = executor;
  if (running === undefined || !returned.has(running.id)) return;
  unbegin(state, turn, entry, executor);
}

/** The node has a new stream: what it holds against what we know. */
function align(
  state: CoreState,
  turn: FlameTurn,
  node: NodeEntry,
  executorId: string,
  executor: ExecutorEntry | undefined,
  held: readonly HeldLease[],
): void {
  const entry = executor === undefined ? undefined : state.sessionOf(executor);
  const strangers: string[] = [];
  if (executor === undefined || entry === undefined)
    strangers.push(...held.map((one) => one.lease));
  else {
    const holds = new Set(held.map(({ lease }) => lease));
    for (const lease of executor.ahead) delete lease.wantedBack;
    unqueue(state, entry, executor, ({ id }) => !holds.has(id));
    for (const one of held) {
      if (executor.running?.id === one.lease) continue;
      if (executor.ahead.some(({ id }) => id === one.lease)) continue;
      if (!adopt(state, turn, entry, executor, one)) strangers.push(one.lease);
    }
    const { running } = executor;
    // Lost on the way, or given back meanwhile: the node would hold it if it had begun.
    if (running !== undefined && !holds.has(running.id)) unbegin(state, turn, entry, executor);
  }
  if (strangers.length > 0 && node.work !== undefined)
    turn.push(node.work, { kind: "takeBack", executorId, leases: strangers });
}

/** A lease that this start of the session manager did not make, or made before it read its state anew. */
function adopt(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executor: ExecutorEntry,
  { lease, sessionId, taskId }: HeldLease,
): boolean {
  const task = entry.record.id === sessionId ? entry.tasks.get(taskId) : undefined;
  // A lease may have left before the commit that was to make its task, and the task be another submit's by now.
  if (task === undefined || termOf(lease) < task.term) return false;
  const adopted: Lease = { id: lease, taskId };
  const attempt = attemptOf(lease);
  if (task.state === "Running") {
    if (executor.taskId !== taskId || attempt !== task.attempt) return false;
    executor.running = adopted;
    return true;
  }
  // An attempt whose end was counted, and not acknowledged, is no new one.
  if (!entry.pending.has(taskId) || attempt !== task.attempt + 1) return false;
  entry.pending.remove(taskId);
  executor.ahead.push(adopted);
  entry.queued++;
  beginNext(state, turn, entry, executor);
  return true;
}

/** What was believed to have begun at the executor had not, as its node says: nothing is told, and nothing counts. */
function unbegin(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executor: ExecutorEntry,
): void {
  const task = executor.taskId === undefined ? undefined : entry.tasks.get(executor.taskId);
  state.executors.endRunning(executor);
  state.deadlines.clear("timeout", executor.record.id);
  if (task?.state === "Running") unbeginTask(turn, entry, task);
  beginNext(state, turn, entry, executor);
}
