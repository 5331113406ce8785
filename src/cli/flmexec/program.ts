import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { type CliContext, withCluster } from "../context.ts";
import { countOption } from "../flag-values.ts";
import { prepare, runProgram } from "../run-program.ts";
import { version } from "../version.ts";
import { exec } from "./exec.ts";
import { languages, type Script } from "./payloads.ts";

/** The whole of flmexec: runs one command line, tells its exit code. */
export function flmexec(argv: readonly string[], context: CliContext): Promise<number> {
  const program = new Command("flmexec")
    .description("Run a script as tasks of the application flmexec and print what it printed.")
    .version(`flmexec ${version}`, "-V, --version", "print the version")
    .option("-t, --task-num <n>", "how many tasks, each running the script", countOption, 10)
    .requiredOption("-c, --code <text>", "the script")
    .option("-l, --language <name>", "shell or python", languageOption, languages[0])
    .option(
      "-r, --runtime <name>",
      "a Python version such as 3.12, or a shell (default: flmrun's, bash)",
    )
    .option("-i, --input <byte>", "a byte of standard input, 0 to 255; repeatable", byteOption)
    .option("--config <file>", "client configuration (default: ~/.flame/flame.yaml if it exists)")
    .addHelpText(
      "after",
      "\nEach line shows the bytes of a task's standard output.\n\nExamples:\n  flmexec -c 'hostname'\n" +
        "  flmexec -t 1 -l python -r 3.12 -c 'print(6 * 7)'\n  flmexec -t 1 -c cat -i 104 -i 105",
    )
    .action(async ({ config, taskNum, code, language, runtime, input }) => {
      const script: Script = {
        language,
        code,
        ...(runtime === undefined ? {} : { runtime }),
        ...(input === undefined ? {} : { input }),
      };
      const { terminal, clock } = context;
      await withCluster(context, config, (cluster) =>
        exec({ taskCount: taskNum, script, cluster, terminal, clock }),
      );
    });
  const anyProgram = program as unknown as Command;
  prepare(anyProgram, context.terminal);
  return runProgram(anyProgram, argv, context.terminal);
}

function languageOption(text: string): Script["language"] {
  const language = languages.find((name) => name === text.toLowerCase());
  if (language !== undefined) return language;
  throw new InvalidArgumentError(`got "${text}", expected one of ${languages.join(", ")}`);
}

function byteOption(text: string, before: readonly number[] | undefined): readonly number[] {
  const byte = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (byte <= 255) return [...(before ?? []), byte];
  throw new InvalidArgumentError(`got "${text}", expected a whole number from 0 to 255`);
}
