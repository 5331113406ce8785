import { Command } from "@commander-js/extra-typings";
import type { CliContext } from "../context.ts";
import { withoutControlCharacters } from "../output/terminal.ts";
import { prepare, runProgram } from "../run-program.ts";
import { version } from "../version.ts";
import { addApplicationCommands } from "./commands/application-commands.ts";
import { addApply } from "./commands/apply.ts";
import { addAudit } from "./commands/audit.ts";
import { addBackup } from "./commands/backup.ts";
import { addCancel } from "./commands/cancel.ts";
import { addCompletion } from "./commands/completion.ts";
import { addDiff } from "./commands/diff.ts";
import { addEdit } from "./commands/edit.ts";
import { addExplain } from "./commands/explain.ts";
import { addGet } from "./commands/get.ts";
import { addHistory } from "./commands/history.ts";
import { addList } from "./commands/list.ts";
import { addLogs } from "./commands/logs.ts";
import { addRelease } from "./commands/release.ts";
import { addRollback } from "./commands/rollback.ts";
import { addSessionCommands } from "./commands/session-commands.ts";
import { addValidate } from "./commands/validate.ts";
import { addView } from "./commands/view.ts";
import { addDeploy } from "./deploy/add-deploy.ts";

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
  addAudit(program, context);
  addExplain(program, context);
  addCompletion(program, context);
  const anyProgram = program as unknown as Command;
  prepare(anyProgram, context.terminal);
  return runProgram(anyProgram, argv, context.terminal);
}
