import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { installByHash } from "./by-hash.mjs";
import { extraEnvironments, isOf, keepNamedFiles, packagesLost } from "./flmrun-environments.mjs";
import { homePaths } from "./paths.mjs";
import { note, SetupError } from "./progress.mjs";
import { lockedFile, pinsOf } from "./requirements.mjs";
import { ask, run } from "./run.mjs";
import { sha256 } from "./sha256.mjs";
import { sourceFiles } from "./stamps.mjs";

/** Where the specified flmrun/pyproject.toml looks for flamepy: replaced by the home's own copy. */
const specifiedSdk = "/usr/local/flame/sdk/python";

/** What versions brought that kept no record of it, by its hash; they had a README.md as well, which nobody edits. */
const firstBrought = {
  "pyproject.toml": "45a93a76567459999c759c431b6fcf32058a87879af6b3f629b040f9b9674dff",
};

export const installOptions = [
  // Else the first service would do it, or each one where its user may not write here.
  "--compile-bytecode",
];

/** @throws SetupError with a list when {@link prepareFlmrun} would take away something that somebody added */
export function refuseFlmrunLoss(place) {
  const { flmrun } = homePaths(place.home);
  const lost = [...projectFiles(place).conflicts(), ...packagesLost(flmrun, place.python)];
  if (lost.length > 0) throw new SetupError(lossText(place, lost));
}

/**
 * Brings flmrun's project and environments to this version. What somebody added to them stays: files, edits of files that
 * this version brings as the last one did, packages, environments of other Pythons.
 */
export async function prepareFlmrun(place) {
  const { flmrun } = homePaths(place.home);
  const files = projectFiles(place);
  files.write();
  const untouched = !files.isEdited("pyproject.toml");
  const file = lockedFile(place.root, "flmrun");
  await lockProject({ ...place, file, untouched });
  const environment = join(flmrun, ".venv");
  await ensureEnvironment(place, environment);
  await fill({ ...place, file, untouched, environment });
  for (const extra of extraEnvironments(flmrun)) {
    const interpreter = join(extra, "bin/python");
    const runs = (await ask([interpreter, "-I", "-c", ""])) !== undefined;
    if (runs) await fill({ ...place, file, untouched, environment: extra });
    else note(`Warning: ${interpreter} does not run any more, so ${extra} stays as it was.`);
  }
}

const settings = { UV_PYTHON_DOWNLOADS: "never", VIRTUAL_ENV: "" };
const logOf = (home) => join(homePaths(home).logs, "flmrun.log");

/** An environment of another Python is made anew. */
async function ensureEnvironment({ home, python, uv }, environment) {
  if (isOf(environment, python)) return;
  rmSync(environment, { recursive: true, force: true });
  const command = [uv, "venv", "--python", python.executable, environment];
  await run(command, { env: settings, logFile: logOf(home) });
}

/**
 * Writes `uv.lock`, which `uv run`, `uv sync` and `uv add` go by: with the releases of the requirement file where the
 * project is `untouched`, else with what the one who edited it asks for. Of our releases it names our files alone.
 */
async function lockProject({ home, python, uv, file, untouched }) {
  const { flmrun, wheels } = homePaths(home);
  const pins = pinsOf(file);
  const held = untouched ? pins.flatMap((pin) => ["-P", requirementOf(pin)]) : [];
  await run([uv, "lock", "--python", python.executable, ...held], {
    cwd: flmrun,
    env: { ...settings, UV_FIND_LINKS: wheels },
    logFile: logOf(home),
  });
  keepNamedFiles(join(flmrun, "uv.lock"), pins);
}

const requirementOf = ({ name, version, marker }) =>
  `${name}==${version}${marker === "" ? "" : ` ; ${marker}`}`;

/** Installs into one environment; what else is there stays. */
async function fill({ root, home, uv, file, untouched, environment }) {
  const { flmrun, wheels } = homePaths(home);
  const interpreter = join(environment, "bin/python");
  const logFile = logOf(home);
  const sync = (options) =>
    run([uv, "sync", "--frozen", "--inexact", ...installOptions, ...options], {
      cwd: flmrun,
      env: { ...settings, UV_PROJECT_ENVIRONMENT: environment },
      logFile,
    });
  if (untouched) {
    const target = { uv, python: interpreter, root, file, logFile };
    await installByHash({ ...target, options: installOptions, env: settings });
  } else {
    // The hashes of what somebody added are in uv.lock.
    await sync(["--no-install-package", "flamepy", "--python", interpreter]);
  }
  // Its version stays the same while its sources change; what builds it is in `wheels`. What `uv pip` installs, uv run would
  // install once more.
  const flamepy = ["--reinstall-package", "flamepy", "--no-index", "--find-links", wheels];
  await sync([...flamepy, "--python", interpreter]);
}

const projectFiles = ({ root, home }) => new ProjectFiles(home, join(root, "flmrun"));

/** The files of flmrun's project: those of this version, of the last one, and those that are there. */
class ProjectFiles {
  #folder;
  #sdk;
  /** By name, as the version has them. */
  #texts;
  /** The hash of every file that the last version brought, by its name; the file that keeps it. */
  #last;
  #record;

  constructor(home, source) {
    const { flmrun, sdk, stamps } = homePaths(home);
    this.#folder = flmrun;
    this.#sdk = sdk;
    this.#texts = new Map(
      sourceFiles(source).map((name) => [name, readFileSync(join(source, name), "utf8")]),
    );
    this.#record = join(stamps, "flmrun-files.json");
    this.#last = existsSync(this.#record)
      ? JSON.parse(readFileSync(this.#record, "utf8"))
      : firstBrought;
  }

  /** Files that somebody edited, and that this version changes too. */
  conflicts() {
    const changed = ([name, text]) => this.isEdited(name) && this.#last[name] !== sha256(text);
    return [...this.#texts]
      .filter(changed)
      .map(([name]) => `${name}: edited here, and changed by this version`);
  }

  write() {
    for (const name of Object.keys(this.#last))
      if (!this.#texts.has(name) && !this.isEdited(name))
        rmSync(join(this.#folder, name), { force: true });
    for (const [name, text] of this.#texts) {
      if (this.isEdited(name)) continue;
      const path = join(this.#folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text.replaceAll(specifiedSdk, this.#sdk));
    }
    const brought = [...this.#texts].map(([name, text]) => [name, sha256(text)]);
    mkdirSync(dirname(this.#record), { recursive: true });
    writeFileSync(this.#record, `${JSON.stringify(Object.fromEntries(brought))}\n`);
  }

  /** It is neither as the last version brought it nor as this one does. */
  isEdited(name) {
    const path = join(this.#folder, name);
    const last = this.#last[name];
    if (last === undefined || !existsSync(path)) return false;
    const there = readFileSync(path, "utf8").replaceAll(this.#sdk, specifiedSdk);
    return sha256(there) !== last && there !== this.#texts.get(name);
  }
}

function lossText({ home, python, uv }, lost) {
  const { flmrun } = homePaths(home);
  return (
    `what somebody added to ${flmrun} would be lost:\n${lost.map((line) => `  ${line}\n`).join("")}` +
    "Nothing was changed.\n" +
    "What to do: a package stays when the project names it, with: " +
    `cd "${flmrun}" && "${uv}" add --no-sync NAME==VERSION\n` +
    "A package of another Python also stays when FLAME_PYTHON names that one; " +
    `this time it is ${python.executable}.\n` +
    "An edited file: move it away, and edit the new one. Then run the same command again."
  );
}
