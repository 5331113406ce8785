import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { textOf } from "../../kit/thrown.ts";
import { type CliContext, withCluster } from "../context.ts";
import { countOption, resourcesOption } from "../flag-values.ts";
import { prepare, runProgram } from "../run-program.ts";
import { version } from "../version.ts";
import { ping } from "./ping.ts";
import { parseByteSize } from "./sizes.ts";

/** The whole of flmping: runs one command line, tells its exit code. */
export function flmping(argv: readonly string[], context: CliContext): Promise<number> {
  const program = new Command("flmping")
    .description("Run tasks of the application flmping, to see that a cluster works and how fast.")
    .version(`flmping ${version}`, "-V, --version", "print the version")
    .option("-t, --task-num <n>", "how many tasks", countOption, 10)
    .option("-c, --common-data <text>", "common data of the session")
    .option("-d, --duration <ms>", "how long each task takes, in milliseconds", countOption)
    .option("-m, --memory <size>", "memory that each task touches, such as 1MiB", byteSizeOption)
    .option("-p, --perf", "print the throughput instead of a row per task")
    .option("-P, --priority <n>", "priority of the session", countOption, 0)
    .option("-r, --resreq <resources>", "for each executor, such as cpu=1,mem=1g", resourcesOption)
    .option("--config <file>", "client configuration (default: ~/.flame/flame.yaml if it exists)")
    .addHelpText("after", "\nExamples:\n  flmping\n  flmping -t 1000 -d 10\n  flmping -p -t 10000")
    .action(async (flags) => {
      const { config, taskNum, commonData, duration, memory, perf, priority, resreq } = flags;
      await withCluster(context, config, (cluster) =>
        ping({
          taskCount: taskNum,
          benchmark: perf === true,
          priority,
          ...(commonData === undefined ? {} : { commonData }),
          ...(duration === undefined ? {} : { durationMs: duration }),
          ...(memory === undefined ? {} : { memoryBytes: memory }),
          ...(resreq === undefined ? {} : { resreq }),
          cluster,
          terminal: context.terminal,
          clock: context.clock,
        }),
      );
    });
  const anyProgram = program as unknown as Command;
  prepare(anyProgram, context.terminal);
  return runProgram(anyProgram, argv, context.terminal);
}

function byteSizeOption(text: string): number {
  try {
    return parseByteSize(text);
  } catch (thrown) {
    throw new InvalidArgumentError(textOf(thrown));
  }
}
