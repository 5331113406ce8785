import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { announce, SetupError } from "./progress.mjs";
import { ask, run } from "./run.mjs";

/** The oldest Python that the services run on, as [major, minor]. */
export const oldestPython = [3, 12];
const preferredMinors = [12, 13, 14];

/** Asks an interpreter who it is: a name on PATH may be a shim that fails, or another version. */
const introduction =
  "import json, sys; print(json.dumps(dict(executable=sys.executable, version=list(sys.version_info[:3]))))";

/** @returns {Promise<{ executable: string, version: number[] } | undefined>} */
async function introduce(command) {
  const answer = await ask([command, "-I", "-c", introduction]);
  return answer === undefined ? undefined : JSON.parse(answer);
}

const isRecent = ({ version: [major, minor] }) =>
  major === oldestPython[0] && minor >= oldestPython[1];

/**
 * Finds a Python that can run the services: $FLAME_PYTHON, PATH, pyenv's versions, uv's own.
 * @param {{ uv?: string, logs: string }} options `uv` may install one when none is found
 * @throws SetupError saying what was tried
 */
export async function findPython({ uv, logs }) {
  const chosen = process.env.FLAME_PYTHON;
  if (chosen !== undefined && chosen !== "") return believe(chosen);
  for (const candidate of candidates()) {
    const python = await introduce(candidate);
    if (python !== undefined && isRecent(python)) return python;
  }
  const python = uv === undefined ? undefined : await pythonFromUv(uv, logs);
  if (python === undefined) throw new SetupError(missingText());
  return python;
}

/**
 * Any Python at all, for fetching uv with its pip.
 * @returns {Promise<string | undefined>}
 */
export async function findAnyPython() {
  const names = [process.env.FLAME_PYTHON ?? "", ...candidates(), ...onPath(["python3", "python"])];
  for (const candidate of names.filter((name) => name !== "")) {
    if (await ask([candidate, "-I", "-m", "pip", "--version"])) return candidate;
  }
  return undefined;
}

async function believe(chosen) {
  const python = await introduce(chosen);
  const wanted = `Python >= ${oldestPython.join(".")}`;
  if (python === undefined) {
    throw new SetupError(`FLAME_PYTHON=${chosen}: this command does not run; expected ${wanted}`);
  }
  if (!isRecent(python)) {
    const got = python.version.join(".");
    throw new SetupError(`FLAME_PYTHON=${chosen} is Python ${got}; expected ${wanted}`);
  }
  return python;
}

function candidates() {
  const names = [...preferredMinors.map((minor) => `python3.${minor}`), "python3"];
  return [...onPath(names), ...pyenvVersions()];
}

/** Every hit of every name, in the order of the names: the first on PATH may be a shim without a version. */
function onPath(names) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .filter((path) => existsSync(path));
}

function pyenvVersions() {
  const versions = join(process.env.PYENV_ROOT ?? join(homedir(), ".pyenv"), "versions");
  if (!existsSync(versions)) return [];
  return readdirSync(versions)
    .filter((name) => preferredMinors.some((minor) => name.startsWith(`3.${minor}`)))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((name) => join(versions, name, "bin/python3"))
    .filter((path) => existsSync(path));
}

async function pythonFromUv(uv, logs) {
  const version = oldestPython.join(".");
  const find = () => ask([uv, "python", "find", "--no-project", `>=${version}`]);
  let path = await find();
  if (path === undefined) {
    await announce(`no Python >= ${version} found, asking uv for one`, () =>
      run([uv, "python", "install", version], { logFile: join(logs, "uv-python.log") }),
    ).catch((failure) => {
      throw new SetupError(`${missingText()}\n${failure.message}`);
    });
    path = await find();
  }
  return path === undefined ? undefined : introduce(path);
}

const missingText = () =>
  `no Python >= ${oldestPython.join(".")} was found: neither FLAME_PYTHON, nor on PATH ` +
  `(python3.12, python3.13, python3.14, python3), nor in pyenv's versions.\n` +
  "What to do: install one (for example: apt-get install python3.12, pyenv install 3.12, or " +
  "uv python install 3.12) or set FLAME_PYTHON to its full path, and run the same command again.";
