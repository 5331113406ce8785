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
  for (const id of state.schedule.unserved) {
    const other = state.sessions.find(id);
    if (other === undefined || other.record.priority <= entry.record.priority) continue;
    check(
      !isOfUse(state, record, other),
      () => `${name} of priority ${entry.record.priority}, while ${id} has a higher one and waits`,
    );
  }
}

/** The session could have been given the executor; what a capped application was promised can not be seen here. */
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
