import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../../config/env.ts";
import type { FlameHome } from "../../config/flame-home.ts";
import { FlameError } from "../../model/errors.ts";
import { cleanEnvironment } from "../../process/clean-environment.ts";
import { describeExit, type ExitFacts } from "../../process/exit-facts.ts";
import { runCommand } from "../../process/run-command.ts";
import { describeProvided, removeStandIns } from "./provided-distributions.ts";
import type { PythonEnvironment } from "./python-environment.ts";

/** An installation, downloads and builds included, may take this long. */
const INSTALL_TIMEOUT_MS = 600_000;

/** How much of the log an error quotes. */
const QUOTED_CHARS_MAX = 1_500;

/** What uv says when a requirement is in none of the places that need no network. */
const NEEDS_INDEX = /was not found in the provided package locations|index lookups were disabled/;

/** One Python package to install. */
export interface PythonInstall {
  /** A wheel, or a folder of sources that may be written to. */
  readonly source: string;
  /** Where the package and what it requires go. */
  readonly target: string;
  /** A folder for files that are needed only meanwhile. */
  readonly scratch: string;
  readonly environment: PythonEnvironment;
}

/** What the installer is given by the node. */
export interface PythonInstallDeps {
  readonly home: FlameHome;
  readonly env: Env;
  readonly signal: AbortSignal;
  /** What the installer prints goes to the end of this file. */
  readonly logFile: string;
}

/**
 * Installs a package and what it requires into a folder of its own with uv: first from the wheels in FLAME_HOME alone,
 * and only when these do not suffice with the package index.
 * @throws FlameError saying what uv said.
 */
export async function installPython(
  deps: PythonInstallDeps,
  install: PythonInstall,
): Promise<void> {
  const { home, env, signal, logFile } = deps;
  const provided = await describeProvided(install.environment, join(install.scratch, "provided"));
  const uv = await findUv(home);
  const args = [
    ...["pip", "install", "--link-mode=copy", "--no-progress", "--no-config"],
    ...["--python", install.environment.interpreter, "--target", install.target],
    ...["--constraints", provided.constraintsFile, "--excludes", provided.excludesFile],
    ...["--find-links", home.wheels],
  ];
  const run = async (...more: string[]): Promise<ExitFacts> => {
    await writeFile(logFile, `$ ${[uv, ...args, ...more, install.source].join(" ")}\n`, {
      flag: "a",
    });
    return runCommand({
      command: uv,
      args: [...args, ...more, install.source],
      cwd: install.scratch,
      env: {
        ...cleanEnvironment(env),
        UV_CACHE_DIR: uvCacheFolder(home),
        UV_PYTHON_DOWNLOADS: "never",
        NO_COLOR: "1",
      },
      logFile,
      timeoutMs: INSTALL_TIMEOUT_MS,
      signal,
    });
  };
  await mkdir(install.target, { recursive: true });
  await mkdir(home.wheels, { recursive: true });
  let exit = await run("--no-index");
  if (exit.code !== 0 && NEEDS_INDEX.test(await readFile(logFile, "utf8"))) exit = await run();
  if (exit.code !== 0) throw await failure(uv, exit, logFile, install.environment);
  await removeStandIns(install.target);
}

/** The cache that installations and `uv run` of services share. */
export function uvCacheFolder(home: FlameHome): string {
  return join(home.data, "cache", "uv");
}

async function findUv(home: FlameHome): Promise<string> {
  const own = join(home.bin, "uv");
  return access(own).then(
    () => own,
    () => "uv",
  );
}

async function failure(
  uv: string,
  exit: ExitFacts,
  logFile: string,
  environment: PythonEnvironment,
): Promise<FlameError> {
  const log = await readFile(logFile, "utf8");
  const said = log
    .slice(log.lastIndexOf("\n$ ") + 1)
    .split("\n")
    .slice(1)
    .join("\n")
    .trim();
  const conflict = /No solution found/.test(said)
    ? ` (flamepy and what it uses have the versions of "${environment.folder}")`
    : "";
  return new FlameError(
    "internal",
    `"${uv} pip install" ended with ${describeExit(exit)}: ${said.slice(-QUOTED_CHARS_MAX)}${conflict}`,
  );
}
