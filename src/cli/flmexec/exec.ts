import type { Session, Task, TaskEnd } from "../../client/index.ts";
import type { Clock } from "../../kit/clock.ts";
import { repeated } from "../../kit/repeated.ts";
import { FlameError } from "../../model/errors.ts";
import { eventCodes } from "../../model/event.ts";
import type { Cluster } from "../context.ts";
import { completionLine, openingLine } from "../output/run-lines.ts";
import type { Terminal } from "../output/terminal.ts";
import { untilBack } from "../until-back.ts";
import { decodePrinted, encodeScript, type Script } from "./payloads.ts";

const ID_WIDTH = 10;

export interface ExecOptions {
  readonly taskCount: number;
  readonly script: Script;
  readonly cluster: Cluster;
  readonly terminal: Terminal;
  readonly clock: Clock;
}

/**
 * Creates a session of flmexec, runs a script as its tasks all at once, prints what each printed, in the order of
 * submission, and closes the session.
 * @throws FlameError at the first task that did not succeed; the session stays open, to be looked at.
 */
export async function exec(options: ExecOptions): Promise<void> {
  const { clock, cluster, terminal, taskCount } = options;
  const beganAt = clock.steady();
  const session = await cluster.createSession({ application: "flmexec" });
  terminal.out(openingLine(session.id, clock.steady() - beganAt, taskCount));
  const input = encodeScript(options.script);
  const startedAt = clock.steady();
  const ends = new Map<number, TaskEnd>();
  let next = 0;
  await session.runMany(repeated(input, taskCount), (index, end) => {
    ends.set(index, end);
    for (let ready = ends.get(next); ready !== undefined; ready = ends.get(next)) {
      ends.delete(next++);
      terminal.out(taskLine(ready, session));
    }
  });
  terminal.out(completionLine(taskCount, clock.steady() - startedAt));
  await untilBack(clock, () => session.close());
}

function taskLine(end: TaskEnd, session: Session): string {
  if (end.kind !== "finished") throw end.error;
  const { task } = end;
  if (task.state !== "Succeed") throw unsuccessful(task, session);
  return `Task ${task.id.padEnd(ID_WIDTH)}: [${decodePrinted(task.output).join(", ")}]\n`;
}

function unsuccessful(task: Task, { id }: Session): FlameError {
  const event =
    task.events.find(({ code }) => code === eventCodes.taskFailed) ?? task.events.at(-1);
  return new FlameError(
    "internal",
    `task ${task.id} of session ${id} ended as ${task.state}: ${event?.message ?? "no reason is known"}; ` +
      `the session is left open: flmctl view session ${id}, then flmctl close session ${id}`,
  );
}
