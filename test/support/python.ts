import { execFile } from "node:child_process";
import { join, resolve } from "node:path";

const checkoutHome = resolve(import.meta.dirname, "../../.flame");

/**
 * The home whose programs and environments the tests link: the one that set-up prepares in the checkout, or the
 * installation that FLAME_TEST_HOME names.
 */
export const preparedHome = process.env["FLAME_TEST_HOME"] ?? checkoutHome;

/** The Python environments that tests run programs on. */
export const pythons = {
  /** What flmrun's services run on: our flamepy. */
  ours: join(preparedHome, "work/flmrun/.venv/bin/python"),
  /** The published client, which no installation has. */
  published: join(checkoutHome, "venvs/flamepy-0.6.0/bin/python"),
} as const;

/** What a finished program left. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const outputBytesMax = 16 * 1024 * 1024;

/**
 * Runs a program to its end; a non-zero exit code is a result, not an error.
 * @param options.deadlineMs after which it is killed (default 60,000 ms)
 */
export function runToEnd(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; deadlineMs?: number; input?: string } = {},
): Promise<Finished> {
  const { env = process.env, cwd, deadlineMs = 60_000, input } = options;
  return new Promise((done) => {
    const child = execFile(
      program,
      args,
      {
        env,
        timeout: deadlineMs,
        killSignal: "SIGKILL",
        maxBuffer: outputBytesMax,
        ...(cwd && { cwd }),
      },
      (failure, stdout, stderr) => {
        const told = failure?.killed
          ? `${stderr}\nkilled: it did not end within ${deadlineMs} ms`
          : stderr;
        done({ code: child.exitCode, stdout, stderr: told });
      },
    );
    child.stdin?.end(input);
  });
}

/** Runs Python source with one of {@link pythons}; `env` names the cluster (see `TestCluster.env`). */
export function runPython(
  python: string,
  source: string,
  options: { env?: NodeJS.ProcessEnv; cwd?: string; deadlineMs?: number } = {},
): Promise<Finished> {
  return runToEnd(python, ["-"], { ...options, input: source });
}
