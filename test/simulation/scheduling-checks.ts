import { bindAllowance } from "../../src/core/bind-backoff.ts";
import { Nesting } from "../../src/core/nesting.ts";
import type { CoreOptions, CoreState } from "../../src/core/state.ts";
import type { ExecutorRecord } from "../../src/model/executor.ts";
import type { FlameTurn } from "../../src/model/flame-turn.ts";
import { sameResources } from "../../src/model/resources.ts";
import type { SessionEntry } from "../../src/sessions/session-entry.ts";
import { Violation } from "./world.ts";

const uncapped = 1_000_000;

function check(holds: boolean, text: () => string): void {
  if (!holds) throw new Violation(text());
}

/** What holds of everything that the scheduler gave, recalled or took back in a turn. */
export function checkScheduling(state: CoreState, turn: FlameTurn, options: CoreOptions): void {
  for (const change of turn.changes) {
    if (change.kind !== "executor.put") continue;
    const { record } = change;
    // What happened to it later in the same turn counts.
    if (state.executors.find(record.id)?.record !== record) continue;
    if (record.state === "Void") checkCreated(state, record);
    if (record.state === "Binding" && record.sessionId !== undefined)
      checkBound(state, record, options);
  }
  for (const { sessionId, node } of state.recalls) checkRecall(state, sessionId, node);
  if (!state.scheduleWanted.isRaised)
    for (const entry of state.sessions.open()) checkNobodyIdles(state, entry, turn.now);
}

/** A session whose application has all its instances does not wait for one that only waits in another session. */
function checkNobodyIdles(state: CoreState, entry: SessionEntry, now: number): void {
  const { record, counts } = entry;
  const max = state.applications.find(record.application)?.spec.max_instances ?? uncapped;
  const has = serving(state, entry);
  const limit = Math.min(record.maxInstances ?? uncapped, counts.pending + counts.running);
  const isPaused = bindAllowance(state, entry, 0, now) !== Number.POSITIVE_INFINITY;
  // Where others are short as well, what comes free may be kept for them.
  if (max >= uncapped || has >= limit || isPaused || state.schedule.short.size > 0) return;
  const others = [...state.sessions.all()].filter(
    (other) => other !== entry && other.record.application === record.application,
  );
  // What leaves already may be meant for it.
  const entries = [entry, ...others];
  if (entries.some((one) => one.executors.size > serving(state, one))) return;
  if (entries.reduce((sum, one) => sum + one.executors.size, 0) < max) return;
  for (const other of others) {
    if (other.counts.pending > 0) continue;
    const spare = serving(state, other) - other.record.minInstances;
    const idle = [...other.launchWaiters.keys(), ...other.idle].filter((id) =>
      servesAlike(state, id, entry),
    );
    check(
      spare <= 0 || idle.length === 0,
      () =>
        `session ${record.id} waits, while ${idle.join()} waits for tasks of ${other.record.id}`,
    );
  }
}

function servesAlike(state: CoreState, executorId: string, { record }: SessionEntry): boolean {
  const executor = state.executors.find(executorId);
  if (executor === undefined || !sameResources(executor.record.resreq, record.resreq)) return false;
  return state.nodes.find(executor.record.node)?.record.state === "Ready";
}

function checkCreated(state: CoreState, { id, node }: ExecutorRecord): void {
  const is = state.nodes.find(node)?.record.state ?? "gone";
  check(is === "Ready", () => `executor ${id} was made on node ${node}, which is ${is}`);
}

function checkBound(state: CoreState, record: ExecutorRecord, options: CoreOptions): void {
  const entry = state.sessions.find(record.sessionId ?? "");
  if (entry === undefined) throw new Violation(`executor ${record.id} was given to nobody`);
  const name = `executor ${record.id} was given to session ${entry.record.id}`;
  const is = state.nodes.find(record.node)?.record.state ?? "gone";
  check(is === "Ready", () => `${name} on node ${record.node}, which is ${is}`);
  const wanted = Math.max(entry.counts.pending + entry.counts.running, entry.record.minInstances);
  const held = serving(state, entry);
  check(held <= wanted, () => `${name}, which has ${held} and wants ${wanted}`);
  if (!options.policies.includes("priority")) return;
  const nesting = new Nesting(state);
  const priority = nesting.priorityOf(entry.record);
  for (const id of state.schedule.unserved) {
    const other = state.sessions.find(id);
    if (other === undefined || nesting.priorityOf(other.record) <= priority) continue;
    check(
      !isOfUse(state, record, other),
      () => `${name} of priority ${priority}, while ${id} has a higher one and waits`,
    );
  }
}

/** The session could have been given the executor; what a capped application was promised cannot be seen here. */
function isOfUse(state: CoreState, executor: ExecutorRecord, { record }: SessionEntry): boolean {
  const spec = state.applicationOf(record)?.spec;
  if (spec?.shim !== executor.shim || !sameResources(record.resreq, executor.resreq)) return false;
  return spec.max_instances >= uncapped;
}

/** Only sessions that have enough are asked to give, and only while somebody waits. */
function checkRecall(state: CoreState, sessionId: string, node: string): void {
  const name = `an executor of session ${sessionId} on node ${node} is recalled`;
  check(state.schedule.unserved.size > 0, () => `${name}, and nobody waits`);
  const entry = state.sessions.find(sessionId);
  if (entry === undefined) return;
  const recalls = state.recalls.filter((recall) => recall.sessionId === sessionId);
  const kept = serving(state, entry) - recalls.length;
  check(
    entry.record.state === "Closed" || kept >= Math.max(1, entry.record.minInstances),
    () => `${name}, which keeps ${kept} and ${entry.record.minInstances} warm`,
  );
}

/** Executors that serve the session: those on a lost node only until the task that they have has ended. */
function serving(state: CoreState, entry: SessionEntry): number {
  let count = 0;
  for (const id of entry.executors) {
    const executor = state.executors.find(id);
    if (executor === undefined || executor.reclaimed) continue;
    const { state: is, node } = executor.record;
    if (is !== "Binding" && is !== "Bound") continue;
    const ready = state.nodes.find(node)?.record.state === "Ready";
    if (ready || executor.taskId !== undefined) count++;
  }
  return count;
}
