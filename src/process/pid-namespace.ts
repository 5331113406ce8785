import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import type { Environment } from "./clean-environment.ts";

/** A program and its arguments. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
}

const PROBE_MS = 5_000;
const SHELL = "/bin/sh";
const ENV = "/usr/bin/env";
const UNSHARE = ["/usr/bin/unshare", "/bin/unshare"];

/**
 * The first process of a namespace gets no signal that it does not handle, and its end ends all others with KILL: so it is
 * this shell, which hands TERM on to the program, waits for it, and ends as it did. What it says itself, such as
 * "Killed", nobody sees. What a shell starts in the background ignores INT and QUIT, and has variables of the shell:
 * `env` takes both back.
 */
const INIT = `exec 3>&2 2>/dev/null
trap 'kill -TERM "$program"' TERM
"$@" 2>&3 3>&- &
program=$!
while :; do
  wait "$program"
  code=$?
  kill -0 "$program" || exit "$code"
done`;
/** What shells set for what they start. */
const SHELL_VARIABLES = ["PWD", "OLDPWD", "SHLVL", "_"];

/**
 * Process ids in a namespace of their own for each service (Linux, root, util-linux): whatever its processes do to their
 * process group, session and environment, they end with the first of them.
 */
export class PidNamespaces {
  readonly #unshare: string;

  private constructor(unshare: string) {
    this.#unshare = unshare;
  }

  /** @returns undefined where this process may not make one: found out by making one. */
  static async find(): Promise<PidNamespaces | undefined> {
    const unshare = UNSHARE.find((path) => existsSync(path));
    if (unshare === undefined || process.getuid?.() !== 0) return undefined;
    const namespaces = new PidNamespaces(unshare);
    const { command, args } = namespaces.around({ command: "/bin/sh", args: ["-c", ":"] }, {});
    const works = await new Promise<boolean>((resolve) => {
      execFile(command, args, { timeout: PROBE_MS, killSignal: "SIGKILL" }, (failure) =>
        resolve(failure === null),
      );
    });
    return works ? namespaces : undefined;
  }

  /** The command line that runs `program` in a namespace; its exit code is the program's, 128 + N after signal N. */
  around(program: CommandLine, env: Environment): CommandLine {
    const unset = SHELL_VARIABLES.filter((name) => env[name] === undefined);
    const asStarted = [
      ENV,
      "--default-signal=INT,QUIT",
      ...unset.flatMap((name) => ["--unset", name]),
    ];
    return {
      command: this.#unshare,
      args: [
        "--fork",
        "--pid",
        "--mount-proc",
        "--kill-child",
        SHELL,
        "-c",
        INIT,
        SHELL,
        ...asStarted,
        program.command,
        ...program.args,
      ],
    };
  }
}
