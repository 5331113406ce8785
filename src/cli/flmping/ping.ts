import type { Session } from "../../client/index.ts";
import type { Clock } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import type { Resources } from "../../model/resources.ts";
import type { Cluster } from "../context.ts";
import { completionLine, grouped, openingLine } from "../output/run-lines.ts";
import type { Terminal } from "../output/terminal.ts";
import { untilBack } from "../until-back.ts";
import { encodeCommonData, encodeWork } from "./payloads.ts";
import { benchmark, type Outcome, outcomeTable } from "./report.ts";

export interface PingOptions {
  readonly taskCount: number;
  readonly commonData?: string;
  readonly durationMs?: number;
  readonly memoryBytes?: number;
  /** Print throughput instead of a row per task. */
  readonly benchmark: boolean;
  readonly priority: number;
  readonly resreq?: Resources;
  readonly cluster: Cluster;
  readonly terminal: Terminal;
  readonly clock: Clock;
}

/**
 * Creates a session of flmping, runs its tasks all at once, prints what became of them and closes it.
 * Failed tasks are results, not errors.
 * @throws FlameError when the session cannot be created or closed.
 */
export async function ping(options: PingOptions): Promise<void> {
  const { clock, terminal, taskCount } = options;
  const beganAt = clock.steady();
  const session = await createSession(options);
  terminal.out(openingLine(session.id, clock.steady() - beganAt, taskCount));
  const input = encodeWork({
    duration: options.durationMs ?? null,
    memory: options.memoryBytes ?? null,
  });
  const startedAt = clock.steady();
  const outcomes = await Promise.all(
    Array.from({ length: taskCount }, () => runOne(session, input)),
  );
  const elapsedMs = clock.steady() - startedAt;
  const result = options.benchmark
    ? benchmark(outcomes, elapsedMs)
    : outcomeTable(session.id, outcomes);
  terminal.out(result + completionLine(taskCount, elapsedMs));
  await settleUncertain(session, outcomes, options);
  // Closing twice does no harm, so a lost reply is asked for again.
  await untilBack(clock, () => session.close());
}

function createSession(options: PingOptions): Promise<Session> {
  const { commonData, resreq, priority } = options;
  return options.cluster.createSession({
    application: "flmping",
    priority,
    ...(commonData === undefined ? {} : { commonData: encodeCommonData(commonData) }),
    ...(resreq === undefined ? {} : { resreq }),
  });
}

async function runOne(session: Session, input: Buffer): Promise<Outcome> {
  let taskId: string;
  try {
    taskId = (await session.createTask(input)).id;
  } catch (thrown) {
    const error = FlameError.from(thrown);
    const lost = ["unavailable", "deadline_exceeded"].includes(error.code);
    return { kind: lost ? "unacknowledged" : "refused", reason: error.message };
  }
  try {
    return { kind: "finished", task: await session.finished(taskId) };
  } catch (thrown) {
    return { kind: "lost", taskId, reason: FlameError.from(thrown).message };
  }
}

/**
 * Settles what became of tasks whose creation was not acknowledged: those that do exist are waited for, and
 * what a reader of the rows might overlook is said on stderr.
 */
async function settleUncertain(
  session: Session,
  outcomes: readonly Outcome[],
  { clock, terminal }: PingOptions,
): Promise<void> {
  const unacknowledged = outcomes.filter(({ kind }) => kind === "unacknowledged").length;
  if (unacknowledged === 0) return;
  const known = new Set(outcomes.map(taskIdOf));
  const found = await untilBack(clock, async () => {
    const ids: string[] = [];
    for await (const task of session.listTasks()) if (!known.has(task.id)) ids.push(task.id);
    return ids;
  });
  await Promise.all(found.map((taskId) => session.finished(taskId)));
  const created =
    found.length === 0 ? "none exists" : `these exist and have ended: ${found.join(", ")}`;
  terminal.err(
    `Warning: ${grouped(unacknowledged)} of ${grouped(outcomes.length)} tasks were not acknowledged, as the ` +
      `connection broke before the reply: ${created}\n`,
  );
}

function taskIdOf(outcome: Outcome): string | undefined {
  if (outcome.kind === "finished") return outcome.task.id;
  return outcome.kind === "lost" ? outcome.taskId : undefined;
}
