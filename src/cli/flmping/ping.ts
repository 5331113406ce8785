import type { Session } from "../../client/index.ts";
import type { Clock } from "../../kit/clock.ts";
import { repeated } from "../../kit/repeated.ts";
import { FlameError } from "../../model/errors.ts";
import type { Resources } from "../../model/resources.ts";
import type { Cluster } from "../context.ts";
import { completionLine, grouped, openingLine } from "../output/run-lines.ts";
import type { Terminal } from "../output/terminal.ts";
import { untilBack } from "../until-back.ts";
import { encodeCommonData, encodeWork } from "./payloads.ts";
import { CountsTally, RowsTally, type Tally } from "./tally.ts";

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
  const tally = options.benchmark
    ? new CountsTally(taskCount)
    : new RowsTally(session.id, taskCount);
  await runAll(session, input, taskCount, tally);
  const elapsedMs = clock.steady() - startedAt;
  terminal.out(tally.text(elapsedMs) + completionLine(taskCount, elapsedMs));
  await settleUncertain(session, tally, options);
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

async function runAll(
  session: Session,
  input: Buffer,
  taskCount: number,
  tally: Tally,
): Promise<void> {
  try {
    await session.runMany(repeated(input, taskCount), (index, end) => tally.add(index, end));
  } catch (thrown) {
    if (!(thrown instanceof FlameError)) throw thrown;
    tally.refuseRest(thrown);
  }
}

/**
 * Settles what became of tasks whose creation was not acknowledged: those that do exist are waited for, and
 * what a reader of the rows might overlook is said on stderr.
 */
async function settleUncertain(
  session: Session,
  tally: Tally,
  { clock, terminal, taskCount }: PingOptions,
): Promise<void> {
  const { unacknowledged } = tally;
  if (unacknowledged === 0) return;
  const found = await untilBack(clock, async () => {
    const ids: string[] = [];
    for await (const task of session.listTasks()) if (!tally.knows(task.id)) ids.push(task.id);
    return ids;
  });
  await Promise.all(found.map((taskId) => session.finished(taskId)));
  const created =
    found.length === 0 ? "none exists" : `these exist and have ended: ${found.join(", ")}`;
  terminal.err(
    `Warning: ${grouped(unacknowledged)} of ${grouped(taskCount)} tasks were not acknowledged, as the ` +
      `connection broke before the reply: ${created}\n`,
  );
}
