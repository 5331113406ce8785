import { spawn } from "node:child_process";
import { FlameError } from "../model/errors.ts";
import type { Environment } from "./clean-environment.ts";
import type { ExitFacts } from "./exit-facts.ts";
import { signalGroup } from "./signal-group.ts";

/** A command whose output is wanted. */
export interface CaptureOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The command's whole environment. */
  readonly env: Environment;
  /** Given to standard input, which then ends. */
  readonly input: Buffer;
  /** When it prints more, its whole group is killed. */
  readonly outputBytesMax: number;
  /** Aborting kills the whole group. */
  readonly signal?: AbortSignal;
}

/** What a command printed and how it ended. */
export interface Captured {
  readonly output: Buffer;
  readonly exit: ExitFacts;
}

/**
 * Runs a command in its own process group to its end and returns what it printed on standard output; its standard
 * error goes to ours.
 * @throws FlameError internal when it cannot be started, resource_exhausted when it prints too much.
 */
export function captureOutput(options: CaptureOptions): Promise<Captured> {
  const { command, outputBytesMax } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, options.args, {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const kill = (): void => {
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
    };
    options.signal?.addEventListener("abort", kill, { once: true });
    const pieces: Buffer[] = [];
    let bytes = 0;
    child.stdout.on("data", (piece: Buffer) => {
      bytes += piece.length;
      if (bytes <= outputBytesMax) pieces.push(piece);
      else kill();
    });
    // A command need not read what it is given.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input);
    child.once("error", (cause) => {
      options.signal?.removeEventListener("abort", kill);
      reject(new FlameError("internal", `cannot start "${command}": ${cause.message}`, { cause }));
    });
    child.once("close", (code, signal) => {
      options.signal?.removeEventListener("abort", kill);
      if (bytes <= outputBytesMax)
        resolve({ output: Buffer.concat(pieces), exit: { code, signal } });
      else {
        const text = `"${command}" printed more than ${outputBytesMax} bytes`;
        reject(new FlameError("resource_exhausted", text));
      }
    });
  });
}
