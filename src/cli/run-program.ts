import type { Command } from "@commander-js/extra-typings";
import { codeOf } from "../kit/thrown.ts";
import { errorLine } from "../model/error-line.ts";
import { type ErrorCode, errorTable, FlameError } from "../model/errors.ts";
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
 * Runs a command line and tells its exit code: 0, 1 with `Error: text` on stderr when it failed, 2 when it was not
 * understood (docs/protocol.md, 3.4).
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
    const said = thrown instanceof ExitWith ? thrown.error : FlameError.from(thrown);
    if (said !== undefined) terminal.err(`${shownError(said, program, argv)}\n`);
    return thrown instanceof ExitWith ? thrown.exitCode : errorTable[codeFor(said)].exitCode;
  }
}

const codeFor = (error: FlameError | undefined): ErrorCode => error?.code ?? "internal";

/** A person reads what went wrong; who asked for JSON gets the code as well, and so does who asked for more words. */
function shownError(error: FlameError, program: Command, argv: readonly string[]): string {
  const { code, message } = error;
  if (asksForJson(argv)) return JSON.stringify({ error: { code, message } });
  return errorLine(error, program.getOptionValue("verbose") === true ? code : undefined);
}

function asksForJson(argv: readonly string[]): boolean {
  return argv.some(
    (word, at) =>
      /^(-o=?|--output=)json$/.test(word) ||
      (/^(-o|--output)$/.test(word) && argv[at + 1] === "json"),
  );
}

/** Makes a program and its commands print through `terminal` and throw instead of exiting. */
export function prepare(program: Command, terminal: Terminal): void {
  program.option("--verbose", "tell the code of an error as well");
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
