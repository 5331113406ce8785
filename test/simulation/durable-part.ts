import type { CoreState } from "../../src/core/state.ts";

/** What of the machine's memory must survive a restart, as comparable text, one thing a line. */
export function durablePart(state: CoreState): string {
  const lines: string[] = [];
  for (const application of state.applications.list())
    lines.push(`application ${application.name} ${JSON.stringify(application)}`);
  for (const entry of byKey(state.sessions.all(), ({ record }) => record.id)) {
    const { record, counts, lastTaskId, pending, queued } = entry;
    const executors = [...entry.executors].sort().join(",");
    lines.push(
      `session ${record.id} ${JSON.stringify({ record, counts, lastTaskId })} ${pending.size + pending.frozen + queued} [${executors}]`,
    );
    for (const task of byKey(entry.tasks.values(), ({ id }) => String(id).padStart(6, "0")))
      lines.push(`task ${task.sessionId}/${task.id} ${JSON.stringify(task)}`);
  }
  for (const { record, taskId } of byKey(state.executors.all(), ({ record }) => record.id))
    lines.push(`executor ${record.id} ${JSON.stringify(record)} ${taskId ?? "-"}`);
  for (const { record } of byKey(state.nodes.all(), ({ record }) => record.name)) {
    // Nobody is connected after a restart; heartbeats are not written.
    const { name, capacity, allocatable, shim } = record;
    const known = record.state === "Ready" ? "Unknown" : record.state;
    lines.push(`node ${name} ${known} ${shim ?? "-"} ${JSON.stringify([capacity, allocatable])}`);
  }
  return lines.join("\n");
}

function byKey<T>(items: Iterable<T>, key: (item: T) => string): T[] {
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
