import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../../config/env.ts";
import type { FlameHome } from "../../config/flame-home.ts";
import { cleanEnvironment } from "../../process/clean-environment.ts";
import type { ExitFacts } from "../../process/exit-facts.ts";
import { runCommand } from "../../process/run-command.ts";

/** A run, downloads and builds included, may take this long. */
const TIMEOUT_MS = 600_000;

/** What uv is given by the node. */
export interface UvDeps {
  readonly home: FlameHome;
  readonly env: Env;
  readonly signal: AbortSignal;
  /** What it prints goes to the end of this file. */
  readonly logFile: string;
}

/** What came of a run. */
export interface UvRun {
  /** As it was started. */
  readonly uv: string;
  readonly exit: ExitFacts;
  readonly said: string;
}

/** The cache that installations and `uv run` of services share. */
export function uvCacheFolder(home: FlameHome): string {
  return join(home.data, "cache", "uv");
}

/** Runs uv to its end in the node's clean environment. @throws FlameError when it cannot be started, or is stopped */
export async function runUv(
  { home, env, signal, logFile }: UvDeps,
  { args, cwd, variables = {} }: UvCall,
): Promise<UvRun> {
  const uv = await findUv(home);
  await writeFile(logFile, `$ ${[uv, ...args].join(" ")}\n`, { flag: "a" });
  const exit = await runCommand({
    command: uv,
    args,
    cwd,
    env: {
      ...cleanEnvironment(env),
      UV_CACHE_DIR: uvCacheFolder(home),
      UV_PYTHON_DOWNLOADS: "never",
      NO_COLOR: "1",
      ...variables,
    },
    logFile,
    timeoutMs: TIMEOUT_MS,
    signal,
  });
  return { uv, exit, said: await lastSaid(logFile) };
}

/** How uv is called. */
interface UvCall {
  readonly args: readonly string[];
  readonly cwd: string;
  /** Over those of the node. */
  readonly variables?: Readonly<Record<string, string>>;
}

async function findUv(home: FlameHome): Promise<string> {
  const own = join(home.bin, "uv");
  return access(own).then(
    () => own,
    () => "uv",
  );
}

/** What the latest run printed. */
async function lastSaid(logFile: string): Promise<string> {
  const log = await readFile(logFile, "utf8");
  const [, ...lines] = log.slice(log.lastIndexOf("\n$ ") + 1).split("\n");
  return lines.join("\n").trim();
}
