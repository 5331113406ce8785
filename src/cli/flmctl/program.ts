import { Command } from "@commander-js/extra-typings";
import type { CliContext } from "../context.ts";
import { withoutControlCharacters } from "../output/terminal.ts";
import { prepare, runProgram } from "../run-program.ts";
import { version } from "../version.ts";
import { addApplicationCommands } from "./application-commands.ts";
import { addApply } from "./apply.ts";
import { addBackup } from "./backup.ts";
import { addCancel } from "./cancel.ts";
import { addCompletion } from "./completion.ts";
import { addDeploy } from "./deploy/add-deploy.ts";
import { addDiff } from "./diff.ts";
import { addEdit } from "./edit.ts";
import { addExplain } from "./explain.ts";
import { addGet } from "./get.ts";
import { addHistory } from "./history.ts";
import { addList } from "./list.ts";
import { addLogs } from "./logs.ts";
import { addRelease } from "./release.ts";
import { addRollback } from "./rollback.ts";
import { addSessionCommands } from "./session-commands.ts";
import { addValidate } from "./validate.ts";
import { addView } from "./view.ts";

/** The whole of flmctl: runs one command line, tells its exit code. */
export function flmctl(argv: readonly string[], given: CliContext): Promise<number> {
  const context = { ...given, terminal: withoutControlCharacters(given.terminal) };
  const program = new Command("flmctl")
    .description("Look at and change the applications and sessions of a Flame cluster.")
    .version(`flmctl ${version}`, "-V, --version", "print the version")
    .option("--config <file>", "client configuration (default: ~/.flame/flame.yaml if it exists)");
  addList(program, context);
  addView(program, context);
  addGet(program, context);
  addApply(program, context);
  addDiff(program, context);
  addValidate(program, context);
  addEdit(program, context);
  addHistory(program, context);
  addRollback(program, context);
  addApplicationCommands(program, context);
  addDeploy(program, context);
  addSessionCommands(program, context);
  addCancel(program, context);
  addLogs(program, context);
  addRelease(program, context);
  addBackup(program, context);
  addExplain(program, context);
  addCompletion(program, context);
  const anyProgram = program as unknown as Command;
  prepare(anyProgram, context.terminal);
  return runProgram(anyProgram, argv, context.terminal);
}
