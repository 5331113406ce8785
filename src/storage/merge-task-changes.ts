import type { Change } from "../model/change.ts";

type TaskPut = Extract<Change, { kind: "task.put" }>;

/**
 * What does not do the same before and behind the changes of a task: an id may be of another session behind a deletion, and
 * a cancellation takes who is Pending at its place.
 */
const dependent = new Set<Change["kind"]>(["session.delete", "application.delete", "tasks.cancel"]);

/** The same changes with one row for each task: as it is in the end, in the place of the first, with the payloads of all. */
export function mergeTaskChanges(changes: readonly Change[]): readonly Change[] {
  if (changes.some(({ kind }) => dependent.has(kind))) return changes;
  const last = new Map<string, Map<number, TaskPut>>();
  let merged = 0;
  for (const change of changes) {
    if (change.kind !== "task.put") continue;
    const { sessionId, id } = change.record;
    const ofSession = last.get(sessionId) ?? new Map<number, TaskPut>();
    last.set(sessionId, ofSession);
    const before = ofSession.get(id);
    ofSession.set(id, before === undefined ? change : mergedOf(before, change));
    if (before !== undefined) merged++;
  }
  if (merged === 0) return changes;
  return changes.flatMap((change) => {
    if (change.kind !== "task.put") return change;
    const { sessionId, id } = change.record;
    const ofSession = last.get(sessionId);
    const put = ofSession?.get(id);
    ofSession?.delete(id);
    return put ?? [];
  });
}

function mergedOf(before: TaskPut, { record, input, output, begun }: TaskPut): TaskPut {
  return {
    kind: "task.put",
    record,
    input: input ?? before.input,
    output: output ?? before.output,
    begun: begun ?? before.begun,
  };
}
