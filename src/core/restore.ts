import type { ApplicationBook } from "../application-registry/index.ts";
import type { ApplicationRecord } from "../model/application.ts";
import type { ExecutorRecord } from "../model/executor.ts";
import type { NodeRecord } from "../model/node.ts";
import type { SessionRecord, TaskCounts } from "../model/session.ts";
import type { SubmitRange } from "../model/submits.ts";
import { leaseOf, type TaskRecord } from "../model/task.ts";
import { resumeRemovals } from "./application-removal.ts";
import { type Moment, scheduleDeletion } from "./session-deletion.ts";
import { beginUse } from "./session-use.ts";
import { type CoreOptions, CoreState } from "./state.ts";
import { resumeDeadline, resumeTask } from "./task-limits.ts";

/** What the machine starts from; the store's `StoredState` is one. */
export interface RestoredState {
  readonly applications: readonly ApplicationRecord[];
  /** Characters of their manifests as JSON. @default counted */
  readonly manifestChars?: number;
  readonly pinnedRevisions: readonly ApplicationRecord[];
  readonly sessions: readonly {
    readonly record: SessionRecord;
    readonly counts: TaskCounts;
    readonly lastTaskId: number;
  }[];
  readonly openTasks: readonly TaskRecord[];
  /** @default none */
  readonly submits?: readonly SubmitRange[];
  readonly executors: readonly ExecutorRecord[];
  readonly nodes: readonly NodeRecord[];
}

/**
 * Rebuilds memory from disk. Leases persist: a Running task stays with its executor until that node registers again or
 * the grace time passes (docs/protocol.md, "Restart").
 */
export function restoreState(
  options: CoreOptions,
  applications: ApplicationBook,
  stored: RestoredState,
  moment: Moment,
): CoreState {
  const state = new CoreState(options, applications);
  for (const revision of stored.pinnedRevisions)
    state.pinned.set(`${revision.name}@${revision.revision}`, revision);
  const closedInOrder = [...stored.sessions].sort(
    (a, b) => (a.record.completionTime ?? 0) - (b.record.completionTime ?? 0),
  );
  for (const { record, counts, lastTaskId } of closedInOrder) {
    const entry = state.sessions.restore(record, { ...counts }, lastTaskId);
    beginUse(state, entry, moment.steady);
    scheduleDeletion(state, record, moment);
  }
  restoreSubmits(state, stored.submits ?? []);
  resumeRemovals(state, moment.steady);
  for (const record of stored.nodes) {
    state.nodes.restore(record, moment.steady);
    if (record.state !== "NotReady")
      state.deadlines.set("grace", record.name, moment.steady + options.nodeGraceMs);
  }
  for (const record of stored.executors) {
    state.executors.restore(record);
    if (record.sessionId !== undefined)
      state.sessions.find(record.sessionId)?.executors.add(record.id);
  }
  for (const { record } of state.executors.all())
    if (mayHoldMore(state, record)) state.sessionOf({ record })?.awaited.add(record.id);
  for (const task of stored.openTasks) {
    state.sessions.restoreTask(task);
    resumeDeadline(state, task, moment);
    const executor =
      task.executorId === undefined ? undefined : state.executors.find(task.executorId);
    if (executor === undefined) continue;
    executor.running = { id: leaseOf(task), taskId: task.id };
    resumeTask(state, state.sessions.get(task.sessionId), task, moment);
  }
  for (const entry of state.sessions.open()) if (entry.awaited.size > 0) entry.pending.freeze();
  return state;
}

/**
 * Whether tasks may wait at the executor, or have begun there, that are Pending on disk. Before it unbinds it has given
 * everything back, and executor managers that do not tell which start of theirs it is have no work streams: at theirs there
 * is what was leased to them, and nothing else.
 */
function mayHoldMore(state: CoreState, { state: now, node }: ExecutorRecord): boolean {
  const takesWork = now === "Binding" || now === "Bound" || now === "Releasing";
  return takesWork && state.nodes.find(node)?.record.instance !== undefined;
}

function restoreSubmits({ sessions }: CoreState, submits: readonly SubmitRange[]): void {
  const bySession = new Map<string, SubmitRange[]>();
  for (const range of submits) {
    const ranges = bySession.get(range.sessionId);
    if (ranges === undefined) bySession.set(range.sessionId, [range]);
    else ranges.push(range);
  }
  for (const [sessionId, ranges] of bySession) sessions.get(sessionId).submits.restore(ranges);
}
