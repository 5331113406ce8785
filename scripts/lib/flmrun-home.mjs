import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { extraEnvironments, packagesLost } from "./flmrun-environments.mjs";
import { homePaths } from "./paths.mjs";
import { note, SetupError } from "./progress.mjs";
import { ask, run } from "./run.mjs";
import { sourceFiles } from "./stamps.mjs";

/** Where the specified flmrun/pyproject.toml looks for flamepy: replaced by the home's own copy. */
const specifiedSdk = "/usr/local/flame/sdk/python";

/** What versions brought that kept no record of it, by its hash; they had a README.md as well, which nobody edits. */
const firstBrought = {
  "pyproject.toml": "45a93a76567459999c759c431b6fcf32058a87879af6b3f629b040f9b9674dff",
};

export const syncOptions = [
  // Else what somebody installed there and no project names would be removed.
  "--inexact",
  // Its version stays the same while its sources change.
  ...["--reinstall-package", "flamepy"],
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
  const { home, python, uv } = place;
  const { flmrun } = homePaths(home);
  projectFiles(place).write();
  await sync({ home, uv, environment: join(flmrun, ".venv"), interpreter: python.executable });
  for (const environment of extraEnvironments(flmrun)) {
    const interpreter = join(environment, "bin/python");
    const runs = (await ask([interpreter, "-I", "-c", ""])) !== undefined;
    if (runs) await sync({ home, uv, environment, interpreter });
    else note(`Warning: ${interpreter} does not run any more, so ${environment} stays as it was.`);
  }
}

function sync({ home, uv, environment, interpreter }) {
  const { flmrun, wheels, logs } = homePaths(home);
  return run([uv, "sync", ...syncOptions, "--python", interpreter], {
    cwd: flmrun,
    env: {
      UV_PYTHON_DOWNLOADS: "never",
      UV_FIND_LINKS: wheels,
      UV_PROJECT_ENVIRONMENT: environment,
      VIRTUAL_ENV: "",
    },
    logFile: join(logs, "flmrun.log"),
  });
}

const projectFiles = ({ root, home }) => new ProjectFiles(home, join(root, "flmrun"));

const hashOf = (text) => createHash("sha256").update(text).digest("hex");

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
    const changed = ([name, text]) => this.#isEdited(name) && this.#last[name] !== hashOf(text);
    return [...this.#texts]
      .filter(changed)
      .map(([name]) => `${name}: edited here, and changed by this version`);
  }

  write() {
    for (const name of Object.keys(this.#last))
      if (!this.#texts.has(name) && !this.#isEdited(name))
        rmSync(join(this.#folder, name), { force: true });
    for (const [name, text] of this.#texts) {
      if (this.#isEdited(name)) continue;
      const path = join(this.#folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text.replaceAll(specifiedSdk, this.#sdk));
    }
    const brought = [...this.#texts].map(([name, text]) => [name, hashOf(text)]);
    mkdirSync(dirname(this.#record), { recursive: true });
    writeFileSync(this.#record, `${JSON.stringify(Object.fromEntries(brought))}\n`);
  }

  /** It is neither as the last version brought it nor as this one does. */
  #isEdited(name) {
    const path = join(this.#folder, name);
    const last = this.#last[name];
    if (last === undefined || !existsSync(path)) return false;
    const there = readFileSync(path, "utf8").replaceAll(this.#sdk, specifiedSdk);
    return hashOf(there) !== last && there !== this.#texts.get(name);
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
