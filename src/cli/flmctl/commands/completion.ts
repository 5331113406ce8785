import { Argument, type Command } from "@commander-js/extra-typings";
import { completionModel } from "../../completion/model.ts";
import { elvishScript, fishScript, powershellScript } from "../../completion/other-scripts.ts";
import { bashScript, zshScript } from "../../completion/posix-scripts.ts";
import type { CliContext } from "../../context.ts";

const scripts = {
  bash: bashScript,
  elvish: elvishScript,
  fish: fishScript,
  powershell: powershellScript,
  zsh: zshScript,
} as const;

const shells = Object.keys(scripts) as (keyof typeof scripts)[];

/** Adds `flmctl completion`, which describes all commands that are added before and after it. */
export function addCompletion(
  program: Command<[], { config?: string }>,
  context: CliContext,
): void {
  program
    .command("completion")
    .description("Print a script that lets a shell complete commands, kinds and options.")
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .addHelpText(
      "after",
      "\nExamples:\n  flmctl completion bash > ~/.local/share/bash-completion/completions/flmctl\n" +
        "  source <(flmctl completion zsh)",
    )
    .action((shell) => {
      context.terminal.out(scripts[shell](completionModel(program)));
    });
}
