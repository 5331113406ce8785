import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { FlameError } from "../../model/errors.ts";
import { describeExit } from "../../process/exit-facts.ts";
import { describeProvided, removeStandIns } from "./provided-distributions.ts";
import type { PythonEnvironment } from "./python-environment.ts";
import { runUv, type UvDeps, type UvRun } from "./run-uv.ts";

/** How much of the log an error quotes. */
export const QUOTED_CHARS_MAX = 1_500;

/**
 * What uv says when a requirement, one of a build included, cannot be met from the places that need no network: it is in none of
 * them, or only in versions that do not fit. Why a resolution failed has many wordings, that it failed has one.
 */
export const NEEDS_INDEX =
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

/**
 * Installs a package and what it requires into a folder of its own with uv: first from the wheels in FLAME_HOME alone,
 * and only when these do not suffice with the package index.
 * @throws FlameError saying what uv said.
 */
export async function installPython(deps: UvDeps, install: PythonInstall): Promise<void> {
  const { home } = deps;
  const provided = await describeProvided(install.environment, join(install.scratch, "provided"));
  const args = [
    ...["pip", "install", "--link-mode=copy", "--no-progress", "--no-config"],
    ...["--python", install.environment.interpreter, "--target", install.target],
    ...["--constraints", provided.constraintsFile, "--excludes", provided.excludesFile],
    ...["--find-links", home.wheels],
  ];
  const run = (...more: string[]): Promise<UvRun> =>
    runUv(deps, { args: [...args, ...more, install.source], cwd: install.scratch });
  await mkdir(install.target, { recursive: true });
  await mkdir(home.wheels, { recursive: true });
  let last = await run("--no-index");
  if (last.exit.code !== 0) {
    const texts = [saidOf(last, install.source)];
    if (NEEDS_INDEX.test(texts.join())) {
      last = await run();
      texts.unshift(saidOf(last, install.source));
    }
    if (last.exit.code !== 0) throw failure(last, texts, install.environment);
  }
  await removeStandIns(install.target);
}

/** What a run printed. The folder that it worked in is gone when somebody reads it. */
function saidOf({ said }: UvRun, source: string): string {
  return said
    .replaceAll(pathToFileURL(source).href, "the package")
    .replaceAll(source, "the package");
}

/** @param texts what was said last, and what without the index before it */
function failure(
  { uv, exit }: UvRun,
  [said = "", withoutIndex]: readonly string[],
  environment: PythonEnvironment,
): FlameError {
  // Where the index cannot be reached, what the node's own wheels lack is the better half of the reason.
  const before =
    withoutIndex === undefined || withoutIndex === said || /No solution found/.test(said)
      ? ""
      : `; from the wheels of this node alone: ${withoutIndex.slice(-QUOTED_CHARS_MAX)}`;
  const conflict = conflictWith(environment, said);
  return new FlameError(
    "internal",
    `"${uv} pip install" ended with ${describeExit(exit)}: ${said.slice(-QUOTED_CHARS_MAX)}${before}${conflict}`,
  );
}

/** What explains a resolution that failed over what the environment of services has itself; empty: nothing of it was named. */
export function conflictWith(environment: PythonEnvironment, said: string): string {
  const provided = [...environment.distributions.keys()].some((name) =>
    new RegExp(`(?<![\\w.-])${name.replaceAll("-", "[-_.]")}(?![\\w-])`, "i").test(said),
  );
  return provided && /No solution found/.test(said)
    ? ` (flamepy and what it uses have the versions of "${environment.folder}")`
    : "";
}
