import type { BindReply } from "../executors/executor-book.ts";
import { type ExecutorEntry, wrongState } from "../executors/executor-book.ts";
import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { payloadBytesMax } from "../model/limits.ts";
import { leaseOf, serviceCrashCode, type TaskOutcome, type TaskRecord } from "../model/task.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import {
  completeTask,
  type FailedAttempt,
  failAttempt,
  requeueTask,
} from "../sessions/task-life.ts";
import { bindFailed, bindSucceeded } from "./bind-backoff.ts";
import {
  answerBind,
  answerLaunch,
  instancesOf,
  isReady,
  letWait,
  supersedeLaunch,
  waitForSession,
  waitForTask,
} from "./executor-waits.ts";
import { handOut, heardOf } from "./hand-out.ts";
import { type Handlers, waits } from "./handler.ts";
import {
  beginNext,
  place,
  pushWork,
  rebalance,
  setCredit,
  unqueue,
  wantAllBack,
} from "./local-queues.ts";
import { calledExecutor } from "./node-owners.ts";
import type { CoreState } from "./state.ts";
import { attemptLimitsOf, beginTask } from "./task-limits.ts";

/**
 * The calls of an executor, in the order of its life (docs/protocol.md, "Executors"). Repeats of a call whose reply was
 * lost are answered like the first; an executor that is no longer known is walked to its end: empty or plain success.
 */
export const executorHandlers: Handlers<
  | "executor.list"
  | "executor.register"
  | "executor.unregister"
  | "executor.bind"
  | "executor.bindCompleted"
  | "executor.unbind"
  | "executor.unbindCompleted"
  | "executor.launch"
  | "executor.complete"
> = {
  "executor.list": (state) => [...state.executors.all()].map((executor) => executor.record),

  "executor.register": (state, turn, { id, identity, shim }) => {
    const executor = calledExecutor(state, id, identity);
    if (executor === undefined) return undefined;
    const { state: now } = executor.record;
    // Repeated: the scheduler may have used the idle executor since.
    if (now === "Idle" || now === "Binding" || now === "Releasing") return undefined;
    if (now !== "Void") throw wrongState(executor, "be registered");
    state.executors.transition(turn, executor, "Idle");
    state.executors.setShim(turn, executor, shim);
    const node = state.nodes.find(executor.record.node);
    if (node !== undefined && state.nodes.setShim(turn, node, shim)) state.warm.changed = true;
    return undefined;
  },

  "executor.bind": (state, turn, { id, identity }, token): BindReply | typeof waits => {
    const executor = calledExecutor(state, id, identity);
    if (executor === undefined || executor.record.state === "Releasing") return {};
    const entry = state.sessionOf(executor);
    if (entry !== undefined) {
      // Whoever asks for its session holds nothing of it.
      heardOf(state, turn, entry, id);
      return bindReply(state, executor);
    }
    // Its session was deleted meanwhile.
    if (executor.record.state === "Binding") return {};
    waitForSession(turn, executor, token);
    return waits;
  },

  "executor.bindCompleted": (state, turn, { id, identity, outcome }) => {
    const executor = calledExecutor(state, id, identity);
    if (executor === undefined) return undefined;
    const { state: now } = executor.record;
    const succeeded = outcome.returnCode === 0;
    if (now !== "Binding") {
      // The reply to the first call was lost: the outcome stands already.
      if (succeeded ? now === "Bound" : now === "Unbinding" || now === "Idle") return undefined;
      throw wrongState(executor, "complete a bind");
    }
    const entry = state.sessionOf(executor);
    if (succeeded) {
      becomeBound(state, turn, executor);
      return undefined;
    }
    if (entry !== undefined) bindFailed(state, turn, entry, executor, outcome);
    giveBack(state, turn, executor, "its service did not enter the session");
    leaveSession(state, turn, executor);
    state.executors.transition(turn, executor, "Unbinding");
    return undefined;
  },

  "executor.launch": (state, turn, { id, identity }, token) => {
    const executor = calledExecutor(state, id, identity);
    const entry = executor === undefined ? undefined : state.sessionOf(executor);
    if (executor === undefined || entry === undefined) return {};
    heardOf(state, turn, entry, id);
    const held = executor.taskId === undefined ? undefined : entry.tasks.get(executor.taskId);
    if (held !== undefined) return { task: held };
    const { state: now } = executor.record;
    if (now === "Unbinding" || now === "Releasing" || executor.reclaimed) return {};
    if (now !== "Bound") throw wrongState(executor, "launch tasks");
    supersedeLaunch(state, turn, entry, id);
    if (isRecalled(state, entry, executor)) {
      state.executors.reclaim(executor);
      return {};
    }
    const task = beginTask(state, turn, entry, id);
    if (task !== undefined) {
      executor.running = { id: leaseOf(task), taskId: task.id };
      // Its call shows that a node that counts as lost lives: now it serves its session again.
      if (!isReady(state, executor)) state.scheduleWanted.raise();
      return { task };
    }
    const delayReleaseMs = delayReleaseMsOf(state, entry);
    if (entry.record.state === "Closed") return {};
    // What waits at others is fetched.
    rebalance(state, turn, entry);
    const stays = delayReleaseMs > 0 || entry.queued + entry.pending.frozen > 0;
    if (!stays && instancesOf(state, entry) > entry.record.minInstances) {
      state.executors.reclaim(executor);
      return {};
    }
    waitForTask(state, turn, entry, executor, token, delayReleaseMs);
    return waits;
  },

  "executor.complete": (state, turn, { id, identity, outcome, lease }) => {
    const executor = calledExecutor(state, id, identity);
    if (executor === undefined) return undefined;
    if (lease === undefined) refuseWithoutLease(state, executor);
    const entry = state.sessionOf(executor);
    const task = executor.taskId === undefined ? undefined : entry?.tasks.get(executor.taskId);
    // A result without a lease, or of an earlier one, comes too late: it is answered, and dropped.
    if (entry === undefined || task === undefined) return undefined;
    if (lease !== undefined && lease !== leaseOf(task)) return undefined;
    state.executors.endRunning(executor);
    unqueue(state, entry, executor);
    endAttempt(state, turn, entry, executor, task, outcome);
    if (executor.record.state === "Unbinding") leaveSession(state, turn, executor);
    return undefined;
  },

  "executor.unbind": (state, turn, { id, identity }) => {
    const executor = calledExecutor(state, id, identity);
    if (executor === undefined) return undefined;
    const { state: now, sessionId } = executor.record;
    const entry = state.sessionOf(executor);
    // A LaunchTask call whose connection died may not have been missed yet: it must get no task any more.
    if (entry !== undefined) answerLaunch(state, turn, entry, id);
    giveBack(state, turn, executor, "its executor was unbound");
    if (now === "Binding" || now === "Bound") {
      state.executors.transition(turn, executor, "Unbinding", sessionId);
    } else if (now !== "Unbinding" && now !== "Releasing") {
      throw wrongState(executor, "be unbound");
    }
    return undefined;
  },

  "executor.unbindCompleted": (state, turn, { id, identity }) => {
    const executor = calledExecutor(state, id, identity);
    const now = executor?.record.state;
    // Repeated: it is Idle already, and the scheduler may have released it since.
    if (executor === undefined || now === "Idle" || now === "Releasing") return undefined;
    if (now !== "Unbinding" && now !== "Binding") throw wrongState(executor, "complete an unbind");
    giveBack(state, turn, executor, "its executor was unbound");
    leaveSession(state, turn, executor);
    state.executors.transition(turn, executor, "Idle");
    return undefined;
  },

  "executor.unregister": (state, turn, { id, identity }) => {
    const executor = calledExecutor(state, id, identity);
    if (executor === undefined) return undefined;
    const { state: now, node } = executor.record;
    if (now === "Bound" || now === "Unbinding") throw wrongState(executor, "be unregistered");
    dropExecutor(state, turn, executor, "its executor was unregistered");
    const owner = state.nodes.find(node);
    if (owner !== undefined)
      state.nodes.push(turn, owner, { executor: executor.record, released: true });
    return undefined;
  },
};

/** The service of a Binding executor has entered the session: what waits there begins. */
export function becomeBound(state: CoreState, turn: FlameTurn, executor: ExecutorEntry): void {
  const entry = state.sessionOf(executor);
  state.executors.transition(turn, executor, "Bound", executor.record.sessionId);
  if (entry === undefined) return;
  bindSucceeded(state, entry);
  beginNext(state, turn, entry, executor);
}

/** A service answered, or died: the task has ended, or goes back. Its lease has left the executor's queue already. */
export function endAttempt(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executor: ExecutorEntry,
  task: TaskRecord,
  outcome: TaskOutcome,
): void {
  state.deadlines.clear("timeout", executor.record.id);
  if (outcome.returnCode === serviceCrashCode) {
    const reason = `the service crashed on node ${executor.record.node}: ${outcome.message ?? "no detail was given"}`;
    failAttempt(turn, entry, task, { kind: "crashes", reason }, attemptLimitsOf(state, entry));
    // Its service is gone: the executor takes nothing until it has a new one.
    setCredit(state, entry, executor, 0);
    handOut(state, turn, entry);
    return;
  }
  completeTask(turn, entry, task, withinLimit(outcome));
  noteLessDemand(state, entry, executor);
  if (executor.credit > 0 && isRecalled(state, entry, executor)) {
    state.executors.reclaim(executor);
    dismiss(state, turn, entry, executor);
  }
}

/** Tells the executor to leave its session as soon as it has nothing to do: a reclaimed one gets nothing new. */
export function dismiss(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executor: ExecutorEntry,
): void {
  const executorId = executor.record.id;
  answerLaunch(state, turn, entry, executorId);
  if (executor.credit === 0) return;
  wantAllBack(state, turn, executor);
  place(state, entry, executor);
  pushWork(state, turn, executor, { kind: "leave", executorId });
}

/** An executor on a work stream has nothing to do: as long as its application wants, it stays for the next task. */
export function waitForMore(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  executorId: string,
): void {
  const executor = state.executors.find(executorId);
  if (executor === undefined) return;
  rebalance(state, turn, entry);
  const delayReleaseMs = delayReleaseMsOf(state, entry);
  const stays = delayReleaseMs > 0 || entry.queued + entry.pending.frozen > 0;
  if (stays || instancesOf(state, entry) <= entry.record.minInstances) {
    letWait(state, turn, executorId, delayReleaseMs);
    return;
  }
  state.executors.reclaim(executor);
  dismiss(state, turn, entry, executor);
}

function delayReleaseMsOf(state: CoreState, { record }: SessionEntry): number {
  return 1000 * Math.max(0, state.applicationOf(record)?.spec.delay_release ?? 0);
}

/** What an executor with a session is told to serve; empty when that session is gone or closed. */
export function bindReply(state: CoreState, executor: ExecutorEntry): BindReply {
  const entry = state.sessionOf(executor);
  const application = entry === undefined ? undefined : state.applicationOf(entry.record);
  if (entry?.record.state !== "Open" || application === undefined) return {};
  return { bound: { application, session: entry.view() } };
}

/** Puts the executor's task back, if it holds one; `failed`: that attempt counts. */
export function giveBack(
  state: CoreState,
  turn: FlameTurn,
  executor: ExecutorEntry,
  reason: string,
  failed?: FailedAttempt["kind"],
): void {
  const entry = state.sessionOf(executor);
  const task = executor.taskId === undefined ? undefined : entry?.tasks.get(executor.taskId);
  state.executors.endRunning(executor);
  if (entry !== undefined) {
    unqueue(state, entry, executor);
    setCredit(state, entry, executor, 0);
  }
  state.deadlines.clear("timeout", executor.record.id);
  if (entry === undefined) return;
  if (task !== undefined && failed === undefined) requeueTask(turn, entry, task, reason);
  else if (task !== undefined && failed !== undefined)
    failAttempt(turn, entry, task, { kind: failed, reason }, attemptLimitsOf(state, entry));
  handOut(state, turn, entry);
}

/** Deletes an executor, from any state; its task goes back, its waiting calls end empty. */
export function dropExecutor(
  state: CoreState,
  turn: FlameTurn,
  executor: ExecutorEntry,
  reason: string,
  failed?: FailedAttempt["kind"],
): void {
  const entry = state.sessionOf(executor);
  if (entry !== undefined) answerLaunch(state, turn, entry, executor.record.id);
  answerBind(turn, executor, {});
  leaveSession(state, turn, executor);
  giveBack(state, turn, executor, reason, failed);
  state.executors.delete(turn, executor);
}

/** The session needs less than before: what it leaves may be what another one waits for. */
function noteLessDemand(state: CoreState, entry: SessionEntry, executor: ExecutorEntry): void {
  const { unserved } = state.schedule;
  const othersWait = unserved.size > (unserved.has(entry.record.id) ? 1 : 0);
  // On a lost node the executor no longer serves its session; what is recalled may not be needed any more.
  if (othersWait || state.recalls.length > 0 || !isReady(state, executor))
    state.scheduleWanted.raise();
}

/** Its session is to give one executor on the node back, and this one is between two tasks. */
function isRecalled(state: CoreState, entry: SessionEntry, executor: ExecutorEntry): boolean {
  if (entry.counts.pending === 0) return false;
  const at = state.recalls.findIndex(
    ({ sessionId, node }) => sessionId === entry.record.id && node === executor.record.node,
  );
  if (at >= 0) state.recalls.splice(at, 1);
  return at >= 0;
}

function leaveSession(state: CoreState, turn: FlameTurn, executor: ExecutorEntry): void {
  const entry = state.sessionOf(executor);
  if (entry !== undefined) setCredit(state, entry, executor, 0);
  entry?.executors.delete(executor.record.id);
  if (entry !== undefined) heardOf(state, turn, entry, executor.record.id);
  state.executors.leftSession(executor);
}

function withinLimit(outcome: TaskOutcome): TaskOutcome {
  const bytes = outcome.output?.length ?? 0;
  if (bytes <= payloadBytesMax) return outcome;
  return {
    returnCode: -1,
    message: `the output has ${bytes} bytes, at most ${payloadBytesMax} fit into a message; use put_object and return its reference`,
  };
}

/** Whose executor manager is told of leases returns them: who does not know one has not been handed the task. */
function refuseWithoutLease(state: CoreState, { record }: ExecutorEntry): void {
  const node = state.nodes.find(record.node);
  if (node?.version === undefined && node?.record.instance === undefined) return;
  throw new FlameError(
    "invalid_argument",
    `CompleteTask: executor ${record.id}: the metadata flame-lease is missing: expected the one that LaunchTask answered with the task, ` +
      `as node ${record.node} tells flame-version`,
  );
}
