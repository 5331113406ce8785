import type { Command } from "../../src/core/commands.ts";
import type { CoreOptions, CoreState } from "../../src/core/state.ts";
import type { ExecutorEntry } from "../../src/executors/executor-book.ts";
import type { Effect, Token } from "../../src/kit/turn.ts";
import type { FlameError } from "../../src/model/errors.ts";
import { addResources, fits, noResources } from "../../src/model/resources.ts";
import type { SessionEntry } from "../../src/sessions/session-entry.ts";
import type { Waiter } from "./sim-manager.ts";
import { Violation } from "./world.ts";

function check(holds: boolean, text: () => string): void {
  if (!holds) throw new Violation(text());
}

/** What holds after every turn, whatever happened. */
export function checkState(
  state: CoreState,
  options: CoreOptions,
  yielded: ReadonlySet<string>,
): void {
  for (const entry of state.sessions.all()) checkSession(state, entry);
  for (const executor of state.executors.all()) checkExecutor(state, executor);
  checkRoom(state, options, yielded);
  checkCaps(state);
}

function checkSession(state: CoreState, entry: SessionEntry): void {
  const { record, counts, pending } = entry;
  const name = `session ${record.id}`;
  let pendingTasks = 0;
  let runningTasks = 0;
  for (const task of entry.tasks.values()) {
    if (task.state === "Pending") pendingTasks++;
    else if (task.state === "Running") runningTasks++;
    else check(false, () => `${name} keeps the ${task.state} task ${task.id} in memory`);
    if (task.executorId === undefined) continue;
    const holder = state.executors.find(task.executorId);
    check(
      holder?.taskId === task.id && holder.record.sessionId === record.id,
      () =>
        `task ${record.id}/${task.id} is leased to ${task.executorId ?? ""}, which holds ${holder?.taskId ?? "none"}`,
    );
  }
  check(
    counts.pending === pendingTasks,
    () => `${name} counts ${counts.pending} pending, has ${pendingTasks}`,
  );
  check(
    counts.running === runningTasks,
    () => `${name} counts ${counts.running} running, has ${runningTasks}`,
  );
  check(
    pending.size + pending.frozen + entry.queued === pendingTasks,
    () =>
      `${name} queues ${pending.size} and has ${entry.queued} ahead of ${pendingTasks} pending tasks`,
  );
  const sum = counts.pending + counts.running + counts.succeed + counts.failed + counts.cancelled;
  check(sum === entry.lastTaskId, () => `${name} counts ${sum} tasks, made ${entry.lastTaskId}`);
  check(
    record.state === "Open" || pendingTasks + runningTasks === 0,
    () => `${name} is closed and has ${pendingTasks} pending and ${runningTasks} running tasks`,
  );
  let ahead = 0;
  for (const id of entry.executors) {
    const executor = state.executors.find(id);
    for (const { taskId } of executor?.ahead ?? []) {
      ahead++;
      check(
        entry.tasks.get(taskId)?.state === "Pending" && !pending.has(taskId),
        () => `${name}: task ${taskId} waits at ${id} and is not only there`,
      );
    }
    check(
      executor?.record.sessionId === record.id,
      () => `${name} counts on ${id}, which serves another`,
    );
  }
  check(ahead === entry.queued, () => `${name} has ${ahead} tasks ahead, counts ${entry.queued}`);
  check(
    entry.idle.size === 0 || pending.size === 0,
    () => `${name} has pending tasks and ${[...entry.idle].join()} waits`,
  );
  for (const id of entry.launchWaiters.keys()) {
    const executor = state.executors.find(id);
    check(
      executor?.record.state === "Bound" && executor.record.sessionId === record.id,
      () => `${name}: LaunchTask of ${id} waits, which is ${executor?.record.state ?? "gone"}`,
    );
    check(
      executor?.taskId === undefined,
      () => `${name}: LaunchTask of ${id} waits and it holds a task`,
    );
    check(
      executor?.reclaimed === false,
      () => `${name}: LaunchTask of ${id} waits and it is taken back`,
    );
    check(record.state === "Open", () => `${name} is closed and LaunchTask of ${id} waits`);
    const ready = state.nodes.find(executor?.record.node ?? "")?.record.state === "Ready";
    check(
      pending.size === 0 || !ready,
      () => `${name} has pending tasks and LaunchTask of ${id} waits`,
    );
  }
}

function checkExecutor(state: CoreState, executor: ExecutorEntry): void {
  const { id, state: is, sessionId } = executor.record;
  const name = `executor ${id} (${is})`;
  const entry = state.sessionOf(executor);
  check(
    sessionId === undefined || entry !== undefined,
    () => `${name} serves ${sessionId ?? ""}, which is gone`,
  );
  const serves = is === "Binding" || is === "Bound" || is === "Unbinding";
  // Releasing: its task was ended, and its service may not be yet.
  check(serves || is === "Releasing" || sessionId === undefined, () => `${name} has a session`);
  check(
    entry === undefined || entry.executors.has(id),
    () => `${name} serves ${sessionId ?? ""}, which does not count on it`,
  );
  if (executor.taskId !== undefined) {
    check(is === "Bound", () => `${name} holds a task`);
    const task = entry?.tasks.get(executor.taskId);
    check(
      task?.executorId === id,
      () => `${name} holds task ${executor.taskId ?? ""}, leased to ${task?.executorId ?? "none"}`,
    );
  }
  check(
    executor.bindWaiter === undefined || (sessionId === undefined && is !== "Releasing"),
    () => `${name}: BindExecutor waits`,
  );
  check(state.nodes.find(executor.record.node) !== undefined, () => `${name} is on no known node`);
}

/** Every executor on a node fits, but for those whose task waited for others: these may be there still. */
function checkRoom(state: CoreState, options: CoreOptions, yielded: ReadonlySet<string>): void {
  for (const { record } of state.nodes.all()) {
    let used = noResources;
    let count = 0;
    for (const executor of state.executors.ofNode(record.name)) {
      count++;
      if (yielded.has(executor.record.id)) continue;
      used = addResources(used, executor.record.resreq);
    }
    check(
      fits(used, record.allocatable),
      () =>
        `node ${record.name} gives ${JSON.stringify(record.allocatable)}, ${JSON.stringify(used)} are taken`,
    );
    check(count <= options.executorsPerNodeMax, () => `node ${record.name} has ${count} executors`);
  }
}

/** max_instances of sessions and of applications. */
function checkCaps(state: CoreState): void {
  const ofApplication = new Map<string, number>();
  for (const { record, executors } of state.sessions.all()) {
    let count = 0;
    for (const id of executors) {
      const executor = state.executors.find(id);
      // A service may still run for each of them.
      if (executor?.record.sessionId === record.id) count++;
    }
    check(
      count <= (record.maxInstances ?? Number.POSITIVE_INFINITY),
      () =>
        `session ${record.id} has ${count} executors, max_instances is ${record.maxInstances ?? "none"}`,
    );
    ofApplication.set(record.application, (ofApplication.get(record.application) ?? 0) + count);
  }
  for (const [name, count] of ofApplication) {
    const most = state.applications.find(name)?.spec.max_instances ?? Number.POSITIVE_INFINITY;
    check(
      count <= most,
      () => `application ${name} has ${count} executors, max_instances is ${most}`,
    );
  }
}

/** Who waits for answers, and what is on its way to them. */
export interface Callers {
  readonly waiters: ReadonlyMap<Token, Waiter>;
  readonly queue: readonly Command[];
  /** What the last turn has to say, and what waits for the disk. */
  readonly leaving: readonly Effect<FlameError>[];
}

/** Every call that waits is known to the machine, and the machine waits for no call that is not there. */
export function checkWaiters(
  state: CoreState,
  { waiters, queue, leaving: effects }: Callers,
): void {
  const leaving = new Set<Token>();
  for (const effect of effects) if (effect.kind !== "push") leaving.add(effect.to);
  const queued = new Set(queue.map(({ token }) => token));
  const waiting = new Set<Token>();
  for (const { bindWaiter } of state.executors.all())
    if (bindWaiter !== undefined) waiting.add(bindWaiter);
  for (const entry of state.sessions.all()) {
    for (const token of entry.launchWaiters.values()) waiting.add(token);
    for (const watchers of entry.watchers.values())
      for (const { token } of watchers) waiting.add(token);
  }
  for (const { stream, work } of state.nodes.all())
    for (const token of [stream, work]) if (token !== undefined) waiting.add(token);
  for (const [token, { command }] of waiters) {
    // A lane stays open with its stream, whatever becomes of its session.
    if (command.kind === "submit.open") continue;
    check(
      waiting.has(token) || leaving.has(token) || queued.has(token),
      () => `${command.kind} #${token} was forgotten: ${JSON.stringify(command.input)}`,
    );
  }
  const cancelled = new Set<Token>();
  for (const command of queue)
    if (command.kind === "cancel") cancelled.add(command.input.waiting.token);
  for (const token of waiting) {
    check(!leaving.has(token), () => `#${token} was answered and still waits`);
    check(
      waiters.has(token) || cancelled.has(token),
      () => `the machine waits for #${token}, which is not there`,
    );
  }
}
