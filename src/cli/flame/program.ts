import { Command } from "@commander-js/extra-typings";
import type { CliContext } from "../context.ts";
import { prepare, runProgram } from "../run-program.ts";
import { version } from "../version.ts";
import { addBackup } from "./backup.ts";
import { addDown } from "./down.ts";
import type { HomeData } from "./home-data.ts";
import { addRestore } from "./restore.ts";
import { addStatus } from "./status.ts";
import { addUp } from "./up.ts";

/** What `flame` needs beside the usual. */
export interface FlameContext extends Pick<CliContext, "terminal" | "env" | "clock"> {
  /** Folder of the built programs, for a home without launchers of its own. */
  readonly programsFolder: string;
  /** Resolves when the program is told to end (SIGINT, SIGTERM, SIGHUP). */
  readonly interrupted: () => Promise<void>;
  readonly signal: (pid: number, signal: "SIGTERM") => void;
  /** What the daemons' rooms know about their data. */
  readonly data: HomeData;
}

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
  prepare(program, context.terminal);
  return runProgram(program, argv, context.terminal);
}
