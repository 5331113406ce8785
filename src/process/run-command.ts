import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { FlameError } from "../model/errors.ts";
import type { Environment } from "./clean-environment.ts";
import type { ExitFacts } from "./exit-facts.ts";
import { signalGroup } from "./signal-group.ts";

/** A command to run to its end. */
export interface RunCommandOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The command's whole environment. */
  readonly env: Environment;
  /** Standard output and standard error are appended to this file. */
  readonly logFile: string;
  /** When it takes longer, its whole group is killed. */
  readonly timeoutMs: number;
  /** Aborting kills the whole group. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a command in its own process group and waits for its end.
 * @throws FlameError internal when it cannot be started, deadline_exceeded past `timeoutMs`, aborted on `signal`.
 */
export async function runCommand(options: RunCommandOptions): Promise<ExitFacts> {
  const log = openSync(options.logFile, "a");
  try {
    return await run(options, log);
  } finally {
    closeSync(log);
  }
}

function run(options: RunCommandOptions, log: number): Promise<ExitFacts> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ["ignore", log, log],
    });
    let stopped: FlameError | undefined;
    const stop = (error: FlameError): void => {
      stopped ??= error;
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
    };
    const timer = setTimeout(() => {
      stop(
        new FlameError(
          "deadline_exceeded",
          `"${options.command}" took longer than ${options.timeoutMs} ms`,
        ),
      );
    }, options.timeoutMs);
    const onAbort = (): void => {
      stop(new FlameError("aborted", `"${options.command}" was stopped`));
    };
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    };
    child.once("error", (cause) => {
      settle();
      reject(
        new FlameError("internal", `cannot start "${options.command}": ${cause.message}`, {
          cause,
        }),
      );
    });
    child.once("exit", (code, signal) => {
      settle();
      if (stopped !== undefined) reject(stopped);
      else resolve({ code, signal });
    });
    if (options.signal?.aborted === true) onAbort();
  });
}
