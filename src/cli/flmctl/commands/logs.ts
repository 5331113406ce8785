import type { Command } from "@commander-js/extra-typings";
import type { LogEntry } from "../../../client/index.ts";
import { type CliContext, type Cluster, withCluster } from "../../context.ts";
import type { Terminal } from "../../output/terminal.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";

const kinds = ["session"] as const;

/** Characters of an executor's id that label its lines; `flmctl list executor` shows the rest. */
const LABEL_LENGTH = 8;

/** Adds `flmctl logs`. */
export function addLogs(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("logs")
    .description("Print what the services of a session wrote, labelled by executor and task.")
    .addArgument(kindArgument("what it is", kinds))
    .argument("[id]", "the session's id")
    .option("-s, --session <id>", "the session's id")
    .option("-t, --task <id>", "only what was written while this task ran")
    .option("-f, --follow", "go on until the session is closed, or the task has ended")
    .addHelpText(
      "after",
      "\nLines of standard error are labelled err. The files are in FLAME_HOME/logs/executors of each node.\n" +
        "\nExamples:\n  flmctl logs session flmping-Sf4R2o\n  flmctl logs -s flmping-Sf4R2o -t 3 -f",
    )
    .action(async (word, positional, { session, task, follow }) => {
      if (word !== undefined) kindOf(word, kinds);
      const sessionId = positional ?? session;
      if (sessionId === undefined) throw unsupported("no session", kinds);
      const options = {
        follow: follow === true,
        ...(task === undefined ? {} : { taskId: task }),
      };
      await withCluster(context, program.opts().config, (cluster) =>
        printLogs(cluster.readLogs(sessionId, options), context.terminal),
      );
    });
}

async function printLogs(
  entries: ReturnType<Cluster["readLogs"]>,
  terminal: Terminal,
): Promise<void> {
  for await (const entry of entries) {
    if (entry.kind === "notice") terminal.err(`Note: ${entry.text}\n`);
    else terminal.out(labelledLines(entry));
  }
}

/** `[6f0c1a52 task 3 err] text` for each line. */
function labelledLines({
  executorId,
  stream,
  taskId,
  data,
}: LogEntry & { readonly kind: "output" }): string {
  const words = [
    executorId.slice(0, LABEL_LENGTH),
    ...(taskId === undefined ? [] : [`task ${taskId}`]),
    ...(stream === "err" ? ["err"] : []),
  ];
  const lines = data.toString("utf8").replace(/\n$/, "").split("\n");
  return lines.map((line) => `[${words.join(" ")}] ${line}\n`).join("");
}
