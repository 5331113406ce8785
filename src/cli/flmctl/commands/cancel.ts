import type { Command } from "@commander-js/extra-typings";
import type { CancelResult } from "../../../client/index.ts";
import { type CliContext, type Cluster, withCluster } from "../../context.ts";
import type { Terminal } from "../../output/terminal.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";

const kinds = ["task", "session"] as const;

/** Adds `flmctl cancel`. */
export function addCancel(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("cancel")
    .description("Cancel a task, or every task of a session; a running one is ended.")
    .addArgument(kindArgument("what to cancel", kinds))
    .argument("[session]", "the session's id")
    .argument("[task]", "the task's id")
    .option("-s, --session <id>", "the session's id")
    .option("-t, --task <id>", "the task's id")
    .addHelpText(
      "after",
      "\nA pending task becomes Cancelled. A running one becomes Failed with the text that it was cancelled, and its\n" +
        "service is ended. The session stays open; flmctl close session ID --force closes it as well.\n" +
        "\nExamples:\n  flmctl cancel task flmping-Sf4R2o 3\n  flmctl cancel session flmping-Sf4R2o",
    )
    .action(async (word, session, task, flags) => {
      const kind = word === undefined ? undefined : kindOf(word, kinds);
      const sessionId = session ?? flags.session;
      const taskId = task ?? flags.task;
      if (sessionId === undefined) throw unsupported("no session", kinds);
      if (kind === "task" && taskId === undefined)
        throw unsupported("a session and no task", kinds);
      if (kind === "session" && taskId !== undefined)
        throw unsupported(`cancel session with the task ${taskId}`, kinds);
      await withCluster(context, program.opts().config, (cluster) =>
        taskId === undefined
          ? cancelAll(cluster, sessionId, context.terminal)
          : cancelOne(cluster, { sessionId, taskId }, context.terminal),
      );
    });
}

async function cancelOne(
  cluster: Cluster,
  { sessionId, taskId }: { readonly sessionId: string; readonly taskId: string },
  terminal: Terminal,
): Promise<void> {
  const name = `Task <${taskId}> of session <${sessionId}>`;
  const result = await cluster.cancelTasks(sessionId, [taskId]);
  if (result.over > 0) {
    const { state } = await cluster.getTask(sessionId, taskId);
    terminal.out(`${name} had ended before: ${state}.\n`);
    return;
  }
  const how = result.ended > 0 ? " while it ran" : "";
  terminal.out(`${name} was cancelled${how}.\n`);
  tellBusyNodes(result, terminal);
}

async function cancelAll(cluster: Cluster, sessionId: string, terminal: Terminal): Promise<void> {
  const result = await cluster.cancelTasks(sessionId);
  terminal.out(`${cancelledText(result)} of session <${sessionId}>.\n`);
  tellBusyNodes(result, terminal);
}

/** `2 pending tasks were cancelled and 1 running was ended`. */
export function cancelledText({ cancelled, ended }: CancelResult): string {
  const pending = cancelled === 1 ? "1 pending task was" : `${cancelled} pending tasks were`;
  const running = ended === 1 ? "1 running one was" : `${ended} running ones were`;
  return `${pending} cancelled and ${running} ended`;
}

/** An operator who waits for room should know where there will be none. */
export function tellBusyNodes({ busyNodes }: CancelResult, terminal: Terminal): void {
  if (busyNodes.length === 0) return;
  const nodes = busyNodes.length === 1 ? "node" : "nodes";
  terminal.err(
    `Note: ${nodes} ${busyNodes.join(", ")} cannot end a running service: its executor stays busy until the service returns.\n`,
  );
}
