import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../../config/env.ts";
import { envValue } from "../../config/env.ts";
import { type ErrorCode, FlameError } from "../../model/errors.ts";
import { describeExit } from "../../process/exit-facts.ts";
import { conflictWith, NEEDS_INDEX, QUOTED_CHARS_MAX } from "./install-python.ts";
import { entriesWithoutHash, lockEntries } from "./lock-text.ts";
import { describeProvided } from "./provided-distributions.ts";
import type { PythonEnvironment } from "./python-environment.ts";
import { runUv, type UvDeps, type UvRun } from "./run-uv.ts";

/** In a lock it stands for the folder in which the files of the list lie. */
export const LIST_FILES = "FLAME_LIST_FILES";

/** What uv says when the index does not answer. */
const NOT_ASKED =
  /error sending request|Request failed after|Failed to fetch|Failed to download|client error \(Connect\)|timed out/i;

const USUAL = ["--no-config", "--no-progress"];

/** What resolving and installing have in common. */
interface UvWork {
  /** Where the files lie that the list names. */
  readonly files: string;
  /** A folder for files that are needed only meanwhile. */
  readonly scratch: string;
  readonly environment: PythonEnvironment;
}

/** A list that is to be resolved. */
export interface ListWork extends UvWork {
  /** Of a file of requirements. */
  readonly lines: readonly string[];
}

/** A lock that is to be installed. */
export interface InstallWork extends UvWork {
  readonly lock: string;
  readonly target: string;
}

/**
 * Finds the versions that a list of packages means here and now: first from the wheels of the node alone, then with the package
 * index, and from uv's cache where that does not answer.
 * @returns the lock: what is to be installed beside the environment of services, with the hashes of its files
 * @throws FlameError invalid_argument with what uv said.
 */
export async function resolveList(deps: UvDeps, work: ListWork): Promise<string> {
  const { environment, scratch } = work;
  const provided = await describeProvided(environment, join(scratch, "provided"));
  const input = join(scratch, "requirements.in");
  const output = join(scratch, "lock.txt");
  await writeFile(input, `${work.lines.join("\n")}\n`);
  const args = [
    ...["pip", "compile", ...USUAL, "--no-header", "--no-annotate", "--quiet", "--generate-hashes"],
    ...["--no-emit-index-url", "--no-emit-find-links", "--python", environment.interpreter],
    ...["--constraints", provided.constraintsFile, "--excludes", provided.excludesFile],
    ...(await wheelHouses(deps)),
    ...["--output-file", output, input],
  ];
  const run = (more: string): Promise<UvRun> => runList(deps, work, [...args, more]);
  const alone = await run("--no-index");
  if (alone.exit.code !== 0) {
    if (!NEEDS_INDEX.test(alone.said)) throw failure("compile", alone, work);
    await withIndex("compile", run, work);
  }
  return lockOf(await readFile(output, "utf8"), environment);
}

/**
 * Installs what a lock names into a folder: from what the node has, and only for the rest with the package index. A file with
 * another hash than the lock has is not installed.
 */
export async function installLock(deps: UvDeps, work: InstallWork): Promise<void> {
  const { environment, scratch, target, lock } = work;
  await mkdir(target, { recursive: true });
  if (lockEntries(lock).length === 0) return;
  refuseUnhashed(lock);
  const file = join(scratch, "requirements.lock");
  await writeFile(file, lock);
  const args = [
    ...["pip", "install", ...USUAL, "--link-mode=copy", "--no-deps"],
    ...["--python", environment.interpreter, "--target", target, ...(await wheelHouses(deps))],
    // Not --require-hashes, which knows no git: what stands without a hash was looked at above.
    ...["--verify-hashes", "--requirements", file],
  ];
  const run = (more?: string): Promise<UvRun> =>
    runList(deps, work, more === undefined ? args : [...args, more]);
  const cached = await run("--offline");
  if (cached.exit.code === 0) return;
  const asked = await run();
  if (asked.exit.code !== 0) throw failure("install", asked, work);
}

async function withIndex(
  command: string,
  run: (more: string) => Promise<UvRun>,
  work: ListWork,
): Promise<void> {
  const asked = await run("--index-strategy=first-index");
  if (asked.exit.code === 0) return;
  if (NOT_ASKED.test(asked.said)) {
    const cached = await run("--offline");
    if (cached.exit.code === 0) return;
  }
  throw failure(command, asked, work);
}

function runList(deps: UvDeps, work: UvWork, args: readonly string[]): Promise<UvRun> {
  return runUv(deps, { args, cwd: work.scratch, variables: { [LIST_FILES]: work.files } });
}

/** That of FLAME_HOME, and those that UV_FIND_LINKS of the executor manager names, which an option would hide. */
async function wheelHouses({
  home,
  env,
}: {
  home: UvDeps["home"];
  env: Env;
}): Promise<readonly string[]> {
  await mkdir(home.wheels, { recursive: true });
  const named = (envValue(env, "UV_FIND_LINKS") ?? "").split(/[\s,]+/).filter((one) => one !== "");
  return [home.wheels, ...named].flatMap((place) => ["--find-links", place]);
}

/** Without what the environment of services has itself. */
function lockOf(text: string, { distributions }: PythonEnvironment): string {
  const isThere = (entry: string): boolean => {
    const name = /^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(==|@)/.exec(entry)?.[1] ?? "";
    return distributions.has(name.toLowerCase().replace(/[-_.]+/g, "-"));
  };
  return lockEntries(text)
    .filter((entry) => !isThere(entry))
    .map((entry) => `${entry}\n`)
    .join("");
}

/** @throws FlameError invalid_argument naming what has no hash in a lock that has others */
function refuseUnhashed(lock: string): void {
  const [first] = entriesWithoutHash(lock);
  if (first === undefined) return;
  throw new FlameError(
    "invalid_argument",
    `the lock of the list has no hash for "${first.slice(0, 200)}", so no node can tell whether it gets the same file`,
  );
}

function failure(command: string, { uv, exit, said }: UvRun, work: UvWork): FlameError {
  // Whoever waits for a task is to read it, whatever it is: only a uv that was killed has said nothing.
  const code: ErrorCode = exit.code === null ? "internal" : "invalid_argument";
  const words = said
    .replaceAll(`${work.files}/`, "")
    .replaceAll(`${work.scratch}/`, "")
    .slice(-QUOTED_CHARS_MAX);
  return new FlameError(
    code,
    `"${uv} pip ${command}" ended with ${describeExit(exit)}: ${words}${changedSince(said)}${conflictWith(work.environment, said)}`,
  );
}

/** What explains a hash that does not fit; empty: uv spoke of none. */
const changedSince = (said: string): string =>
  /Hash mismatch/i.test(said)
    ? " (a file is not the one that the list was resolved with, so nothing was installed: have that file back where it was " +
      "published, or ask for another version; the first session of the next UTC day resolves the list anew)"
    : "";
