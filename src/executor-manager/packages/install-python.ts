import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
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

/**
 * What uv says when a requirement, one of a build included, cannot be met from the places that need no network: it is in none of
 * them, or only in versions that do not fit. Why a resolution failed has many wordings, that it failed has one.
 */
const NEEDS_INDEX =
  /No solution found|was not found in the provided package locations|index lookups were disabled/;

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
  const first = await run("--no-index");
  if (first.code !== 0) {
    const texts = [await lastSaid(logFile, install.source)];
    let exit = first;
    if (NEEDS_INDEX.test(texts.join())) {
      exit = await run();
      texts.unshift(await lastSaid(logFile, install.source));
    }
    if (exit.code !== 0) throw failure(uv, exit, texts, install.environment);
  }
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

/** What the latest run printed. The folder that it worked in is gone when somebody reads it. */
async function lastSaid(logFile: string, source: string): Promise<string> {
  const log = await readFile(logFile, "utf8");
  const [, ...lines] = log.slice(log.lastIndexOf("\n$ ") + 1).split("\n");
  const said = lines.join("\n").trim();
  return said
    .replaceAll(pathToFileURL(source).href, "the package")
    .replaceAll(source, "the package");
}

/** @param texts what was said last, and what without the index before it */
function failure(
  uv: string,
  exit: ExitFacts,
  [said = "", withoutIndex]: readonly string[],
  environment: PythonEnvironment,
): FlameError {
  // Where the index cannot be reached, what the node's own wheels lack is the better half of the reason.
  const before =
    withoutIndex === undefined || withoutIndex === said || /No solution found/.test(said)
      ? ""
      : `; from the wheels of this node alone: ${withoutIndex.slice(-QUOTED_CHARS_MAX)}`;
  const provided = [...environment.distributions.keys()].some((name) =>
    new RegExp(`(?<![\\w.-])${name.replaceAll("-", "[-_.]")}(?![\\w-])`, "i").test(said),
  );
  const conflict =
    provided && /No solution found/.test(said)
      ? ` (flamepy and what it uses have the versions of "${environment.folder}")`
      : "";
  return new FlameError(
    "internal",
    `"${uv} pip install" ended with ${describeExit(exit)}: ${said.slice(-QUOTED_CHARS_MAX)}${before}${conflict}`,
  );
}
