// npm run lock: writes requirements/*.txt and bench/peers/requirements.txt anew, from what the project asks for.
//   npm run lock              keeps every version that still suits, and takes in files that were added to a release
//   npm run lock -- --upgrade takes the newest versions
//   npm run lock -- --check   needs no network: fails when a file is not the one that its sources ask for
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { homePaths, root } from "./lib/paths.mjs";
import { announce, note, runMain, SetupError } from "./lib/progress.mjs";
import { findPython, oldestPython } from "./lib/python.mjs";
import {
  bodyOf,
  lockedFile,
  pinsOf,
  requirementFile,
  requirementSet,
  setNames,
} from "./lib/requirements.mjs";
import { ask, run } from "./lib/run.mjs";

const logFile = join(root, ".cache/lock.log");

/** @throws SetupError for a file that is not in step, or that has a release without a hash */
function check(name) {
  const path = lockedFile(root, name);
  const pins = pinsOf(path);
  const loose = pins.filter(({ version, hashes }) => version === undefined || hashes.length === 0);
  if (pins.length > 0 && loose.length === 0) return;
  throw new SetupError(
    `${path}: ${loose.map((pin) => pin.name).join(", ") || "no release"}: expected releases with == and with hashes.\n` +
      "What to do: run npm run lock, and commit the difference.",
  );
}

async function write(name, { uv, python, upgrade, folder }) {
  const { asked, path } = requirementSet(root, name);
  const wanted = join(folder, `${name}.in`);
  const made = join(folder, `${name}.txt`);
  writeFileSync(wanted, `${asked.join("\n")}\n`);
  // What is there already is what uv keeps.
  if (existsSync(path)) writeFileSync(made, bodyOf(readFileSync(path, "utf8")));
  const form = ["--generate-hashes", "--no-annotate", "--no-header", "--quiet"];
  const reach = ["--universal", "--python-version", oldestPython.join("."), "--python", python];
  const more = upgrade ? ["--upgrade"] : [];
  const command = [uv, "pip", "compile", ...form, ...reach, ...more, "--output-file", made, wanted];
  await announce(`locking ${name} (${asked.length} asked for)`, () => run(command, { logFile }));
  writeFileSync(path, requirementFile(asked, readFileSync(made, "utf8")));
}

/** Not what set-up brings: that refuses files which are out of step, and here those are mended. */
async function lockingTools() {
  const { bin, logs } = homePaths(join(root, ".flame"));
  const python = await findPython({ logs });
  for (const uv of [join(bin, "uv"), "uv"])
    if ((await ask([uv, "--version"])) !== undefined) return { uv, python: python.executable };
  throw new SetupError(
    `uv was found neither in ${bin} nor on PATH.\n` +
      "What to do: install uv, or run npm run set-up before you change what is asked for; then run the same command again.",
  );
}

async function main() {
  const { values } = parseArgs({
    options: {
      check: { type: "boolean", default: false },
      upgrade: { type: "boolean", default: false },
    },
  });
  if (values.check) {
    for (const name of setNames) check(name);
    note("the files of Python requirements are what their sources ask for");
    return;
  }
  const { uv, python } = await lockingTools();
  const folder = mkdtempSync(join(tmpdir(), "flame-lock-"));
  try {
    const place = { uv, python, upgrade: values.upgrade, folder };
    for (const name of setNames) await write(name, place);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await runMain(main);
