import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { CliContext } from "../../context.ts";
import { countOption } from "../../flag-values.ts";
import { deploy } from "./deploy.ts";

type Variables = Readonly<Record<string, string>>;

/** Adds `flmctl deploy`. */
export function addDeploy(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("deploy")
    .description("Pack a project or program, upload it, and register an application that runs it.")
    .requiredOption("--name <name>", "of the application")
    .requiredOption("--application <path>", "a directory, a .tar.gz or .tgz archive, or a program")
    .option("--dry-run", "show what would be deployed; nothing is uploaded or registered")
    .addOption(
      new Option("-o, --output <form>", "how to print")
        .choices(["summary", "yaml", "json"] as const)
        .default("summary" as const),
    )
    .addOption(
      new Option(
        "--installer <name>",
        "how nodes install it (default: what it looks like)",
      ).choices(["binary", "python"] as const),
    )
    .option("--command <program>", "starts the service (default: detected)")
    .option("--argument <text>", "of the command, such as --argument=-m; repeatable", collected)
    .option("--env <name=value>", "a variable of the service; repeatable", variable)
    .option("--working-directory <folder>", "where the service is started")
    .option("--description <text>", "for people")
    .option("--label <text>", "to find it by; repeatable", collected)
    .option("--max-instances <n>", "of the service, over all sessions", countOption)
    .option("--delay-release <seconds>", "that an idle instance waits for a task", secondsOption)
    .option("--shim <name>", "Host or Wasm (default: Host)")
    .option("--image <name>", "for nodes that run images")
    .option("--schema-input <json>", "JSON Schema of a task's input")
    .option("--schema-output <json>", "JSON Schema of a task's output")
    .option("--schema-common-data <json>", "JSON Schema of a session's common data")
    .addHelpText("after", EXAMPLES)
    .action(async ({ application, dryRun, output, ...flags }) => {
      const { config } = program.opts();
      const more = { path: application, dryRun: dryRun === true, form: output, configFile: config };
      await deploy({ flags, ...more }, context);
    });
}

const EXAMPLES = `
The command is the script of pyproject.toml that has the application's name, or the only one, or python -m NAME;
of other things bin/NAME, or the only executable file.

Examples:
  flmctl deploy --name my-app --application ./my-app
  flmctl deploy --name my-app --application ./my-app --dry-run -o yaml
  flmctl deploy --name my-app --application ./serve --argument=--fast --env LEVEL=2`;

function collected(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

function variable(text: string, before: Variables | undefined): Variables {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return { ...before, [name]: value };
  throw new InvalidArgumentError(`got "${text}", expected NAME=VALUE`);
}

function secondsOption(text: string): number {
  const seconds = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(seconds)) return seconds;
  throw new InvalidArgumentError(`got "${text}", expected a whole number of seconds`);
}
