import { execFile, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { SetupError } from "./progress.mjs";

const execFileAsync = promisify(execFile);
const tailLines = 25;

/** A command that failed, with all that it printed; the message has the end of it. */
class CommandError extends SetupError {
  constructor(message, output) {
    super(message);
    this.output = output;
  }
}

/**
 * Runs a command to its end with its output in `logFile`.
 * @param {string[]} command program and arguments
 * @param {{ logFile: string, cwd?: string, env?: Record<string, string> }} options `env` is added to ours
 * @throws CommandError, a SetupError, with the end of the output when the command fails or cannot start
 */
export async function run(command, { logFile, cwd, env }) {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, "a");
  const from = statSync(logFile).size;
  try {
    const [program, ...args] = command;
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", log, log],
    });
    const outcome = await new Promise((resolve) => {
      child.once("error", (cause) => resolve(`could not start: ${cause.message}`));
      child.once("exit", (code, signal) =>
        resolve(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`),
      );
    });
    if (outcome !== undefined) throw failureOf(command, outcome, logFile, from);
  } finally {
    closeSync(log);
  }
}

function failureOf(command, outcome, logFile, from) {
  const output = readFileSync(logFile).subarray(from).toString().trimEnd();
  const tail = output.split("\n").slice(-tailLines).join("\n");
  const text = `${command.join(" ")}: ${outcome}\n${tail}\n(all of its output: ${logFile})`;
  return new CommandError(text, output);
}

/**
 * The standard output of a short command, or undefined when it fails: for asking programs what they are.
 * @param {string[]} command
 * @param {{ timeoutMs?: number, env?: Record<string, string> }} [options]
 */
export async function ask([program, ...args], { timeoutMs = 20_000, env } = {}) {
  try {
    const { stdout } = await execFileAsync(program, args, {
      timeout: timeoutMs,
      env: { ...process.env, ...env },
    });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

/**
 * Runs a program to its end and keeps what it printed; a non-zero exit code is a result, not an error.
 * @param {string[]} command
 * @param {{ timeoutMs?: number, env?: Record<string, string> }} [options] `env` is all of its environment
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>} `code` is null when it was killed
 */
export function runToEnd([program, ...args], { timeoutMs = 60_000, env } = {}) {
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, killSignal: "SIGKILL", env };
    const child = execFile(program, args, options, (failure, stdout, stderr) => {
      const ended = typeof failure?.code === "string" ? `${stderr}${failure.message}` : stderr;
      resolve({ code: child.exitCode, stdout, stderr: ended });
    });
  });
}
