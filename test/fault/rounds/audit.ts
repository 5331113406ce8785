import type { FlameClient, SessionInfo, Task } from "../../../src/client/index.ts";
import { eventCodes } from "../../../src/model/event.ts";
import { isTerminal } from "../../../src/model/task.ts";
import { waitFor } from "../../support/wait-for.ts";
import type { Told } from "./clients.ts";

/** For the tasks of clients that were killed: nobody waits for them any more, and they run all the same. */
const endDeadlineMs = 120_000;

/** Waits until every task of every session has ended, and returns how many there are. */
export function allEnded(client: FlameClient): Promise<number> {
  return waitFor(
    "the end of every task",
    async () => {
      const sessions = await client.listSessions();
      if (sessions.some(({ pending, running }) => pending + running > 0)) return undefined;
      return 1 + sessions.reduce((sum, session) => sum + tasksOf(session), 0);
    },
    { deadlineMs: endDeadlineMs, intervalMs: 50 },
  ).then((found) => found - 1);
}

function tasksOf({ pending, running, succeed, failed, cancelled }: SessionInfo): number {
  return pending + running + succeed + failed + cancelled;
}

/**
 * Compares what clients were told with what is there: no acknowledged task is lost, each has one terminal state that
 * does not change, and the counters of a session are the sum of its tasks.
 * @param failuresAllowed a fault of this round can fail a task for a reason of its own
 */
export async function auditTasks(
  client: FlameClient,
  told: readonly Told[],
  failuresAllowed: boolean,
): Promise<void> {
  const complaints: string[] = [];
  const sessions = await client.listSessions();
  const known = new Set(sessions.map(({ id }) => id));
  for (const [id, tasks] of told.flatMap((one) => [...one]))
    if (!known.has(id) && tasks.size > 0) complaints.push(`session ${id} is gone`);
  for (const session of sessions) {
    const tasks = new Map<string, Task>();
    for await (const task of client.listTasks(session.id)) tasks.set(task.id, task);
    complaints.push(...miscounted(session, [...tasks.values()]));
    for (const task of tasks.values()) complaints.push(...wrongEnd(task, failuresAllowed));
    for (const one of told)
      for (const [id, state] of one.get(session.id) ?? []) {
        const found = tasks.get(id)?.state;
        if (found === undefined)
          complaints.push(`task ${session.id}/${id} was acknowledged and is lost`);
        else if (state !== undefined && state !== found)
          complaints.push(`task ${session.id}/${id} was ${state} for its client and is ${found}`);
      }
  }
  if (complaints.length > 0) throw new Error(complaints.join("\n"));
}

function miscounted(session: SessionInfo, tasks: readonly Task[]): string[] {
  const of = (state: Task["state"]): number => tasks.filter((task) => task.state === state).length;
  const counted = {
    pending: of("Pending"),
    running: of("Running"),
    succeed: of("Succeed"),
    failed: of("Failed"),
    cancelled: of("Cancelled"),
  };
  const { pending, running, succeed, failed, cancelled } = session;
  const said = { pending, running, succeed, failed, cancelled };
  if (JSON.stringify(said) === JSON.stringify(counted)) return [];
  return [
    `session ${session.id} counts ${JSON.stringify(said)}, its tasks are ${JSON.stringify(counted)}`,
  ];
}

/** Nothing is cancelled in a round: only finished sessions are closed. */
function wrongEnd(task: Task, failuresAllowed: boolean): string[] {
  const name = `task ${task.sessionId}/${task.id}`;
  const ends = task.events.filter(
    ({ code }) => code === eventCodes.taskSucceeded || code === eventCodes.taskFailed,
  );
  const last = task.events.at(-1)?.message ?? "no event";
  if (!isTerminal(task.state)) return [`${name} is ${task.state}: ${last}`];
  if (ends.length !== 1)
    return [`${name} ended ${ends.length} times: ${JSON.stringify(task.events)}`];
  if (task.state !== "Succeed" && !failuresAllowed) return [`${name} is ${task.state}: ${last}`];
  return [];
}
