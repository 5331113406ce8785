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
 * The end of a namespace's first process ends all others with KILL, and no signal reaches it that it does not handle: so it is
 * this shell, which waits for the program and ends as it did. TERM for the process group reaches the program beside it. The
 * shell does not handle TERM itself, since a `wait` that a signal interrupts gives the number of the signal for the program's
 * end now and then. What the shell says, such as "Killed", nobody sees; its last line keeps it from becoming the program.
 */
const INIT = `exec 3>&2 2>/dev/null
(exec "$@" 2>&3 3>&-)
exit "$?"`;
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
    const asStarted = [ENV, ...unset.flatMap((name) => ["--unset", name])];
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
