import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";

/** A program that takes longer is given up. */
const deadlineMs = 1_800_000;
const stderrShown = 2_000;

/** Every child that runs, so that none is left when a signal ends the bench. */
const running = new Set<ChildProcess>();

export function killChildren(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A client in a process of its own, which tells its outcome as JSON in its last line. */
export interface Client<T> {
  readonly pid: number;
  /** Resolves with its first line. */
  readonly begun: Promise<unknown>;
  readonly outcome: Promise<T>;
  /** Writes a line to its standard input. */
  go(): void;
  /** Closes its standard input. */
  finish(): void;
}

export type Command = readonly [program: string, ...args: string[]];

/** The program and arguments of one of the bundled clients. */
export const clientOf = (folder: string, name: string, ...args: (string | number)[]): Command => [
  process.execPath,
  join(folder, `${name}.mjs`),
  ...args.map(String),
];

/** Starts a program and reads what it prints. `outcome` rejects with the end of its stderr when it fails. */
export function startClient<T>(command: Command, env: NodeJS.ProcessEnv): Client<T> {
  const { child, ended } = started(command, env);
  let last = "";
  const begun = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      resolve();
      last = line;
    });
  });
  const outcome = ended.then(() => JSON.parse(last) as T);
  const first = Promise.race([begun, outcome]);
  // A failure is heard of by whoever waits, for the beginning or for the end; nobody has to wait for both.
  for (const either of [first, outcome]) either.catch(() => undefined);
  return {
    // There is none when it could not be started, which `outcome` tells.
    pid: child.pid ?? 0,
    begun: first,
    outcome,
    go: () => child.stdin.write("go\n"),
    finish: () => child.stdin.end(),
  };
}

/** What a program printed. @throws Error with the end of its stderr when it fails */
export async function printedBy(command: Command, env: NodeJS.ProcessEnv): Promise<string> {
  const { child, ended } = started(command, env);
  child.stdin.end();
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await ended;
  return Buffer.concat(chunks).toString();
}

function started([program, ...args]: Command, env: NodeJS.ProcessEnv) {
  const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  // It may end before it reads what it is told.
  child.stdin.on("error", () => undefined);
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-stderrShown);
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      if (code === 0) resolve();
      else {
        const words = [program, ...args].join(" ").slice(0, 200);
        reject(new Error(`${words} ended with ${code ?? signal ?? "nothing"}: ${stderr.trim()}`));
      }
    });
  });
  return { child, ended };
}
