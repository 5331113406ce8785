import type { Command } from "@commander-js/extra-typings";
import { codeOf, textOf } from "../kit/thrown.ts";
import { errorTable, FlameError } from "../model/errors.ts";
import type { Terminal } from "./output/terminal.ts";

/** Exit code of a command line that is not understood. */
const USAGE = 2;

/** Thrown by a command that ends with an exit code of its own, after its error if there is one. */
export class ExitWith extends Error {
  readonly exitCode: number;
  readonly error: FlameError | undefined;

  constructor(exitCode: number, error?: FlameError) {
    super(error?.message ?? `exit code ${exitCode}`);
    this.exitCode = exitCode;
    this.error = error;
  }
}

/**
 * Runs a command line and tells its exit code: 0, 1 with one line `Error: Kind("text")` on stderr when it
 * failed, 2 when it was not understood (docs/protocol.md, "Tools").
 */
export async function runProgram(
  program: Command,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  if (argv.length === 0 && program.commands.length > 0) {
    program.outputHelp();
    return 0;
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
    return 0;
  } catch (thrown) {
    if (String(codeOf(thrown)).startsWith("commander.")) return usageExitCode(thrown);
    if (thrown instanceof ExitWith) {
      if (thrown.error !== undefined) terminal.err(`${errorLine(thrown.error)}\n`);
      return thrown.exitCode;
    }
    const error =
      thrown instanceof FlameError ? thrown : new FlameError("internal", textOf(thrown));
    terminal.err(`${errorLine(error)}\n`);
    return errorTable[error.code].exitCode;
  }
}

/** `Error: NotFound("application x not found")`: always one line. */
export function errorLine(error: FlameError): string {
  return `Error: ${errorTable[error.code].kind}(${JSON.stringify(error.message)})`;
}

/** Makes a program and its commands print through `terminal` and throw instead of exiting. */
export function prepare(program: Command, terminal: Terminal): void {
  const everyCommand = [program, ...program.commands] as Command[];
  for (const command of everyCommand) {
    command
      .exitOverride()
      .configureOutput({
        writeOut: (text) => terminal.out(text),
        writeErr: (text) => terminal.err(text),
      })
      .showHelpAfterError("(--help shows how it is used)");
  }
}

// Help and version that were asked for are a success; commander has printed everything already.
function usageExitCode(thrown: unknown): number {
  const asked = typeof thrown === "object" && thrown !== null && "exitCode" in thrown;
  return asked && thrown.exitCode === 0 ? 0 : USAGE;
}
