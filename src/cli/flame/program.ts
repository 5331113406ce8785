import { Command } from "@commander-js/extra-typings";
import { prepare, runProgram } from "../run-program.ts";
import { version } from "../version.ts";
import { addBackup } from "./backup.ts";
import type { FlameContext } from "./context.ts";
import { addDown } from "./down.ts";
import { addRestore } from "./restore.ts";
import { addStatus } from "./status.ts";
import { addToken } from "./token.ts";
import { addUp } from "./up.ts";

/** The whole of flame: runs one command line, tells its exit code. */
export function flame(argv: readonly string[], context: FlameContext): Promise<number> {
  const program = new Command("flame")
    .description("Run a whole Flame cluster on this machine, in the home that FLAME_HOME names.")
    .version(`flame ${version}`, "-V, --version", "print the version");
  addUp(program, context);
  addStatus(program, context);
  addDown(program, context);
  addBackup(program, context);
  addRestore(program, context);
  addToken(program, context);
  prepare(program, context.terminal);
  return runProgram(program, argv, context.terminal);
}
