// npm run test:published: the tests that the published flamepy brings in its source distribution, run on this flamepy.
// What they cannot ask of it, and what differs on purpose, stands in sdk/python/scripts/published_differences.toml.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { installByHash } from "./lib/by-hash.mjs";
import { homePaths, root } from "./lib/paths.mjs";
import { announce, runMain } from "./lib/progress.mjs";
import { check } from "./lib/report.mjs";
import { lockedFile, publishedFlamepy } from "./lib/requirements.mjs";
import { run } from "./lib/run.mjs";
import { setUp } from "./setup.mjs";

const folder = join(root, ".cache/published-tests");
const release = `flamepy-${publishedFlamepy}`;

/** Its lines of the file that names the hashes of the published client and of what that needs. */
function linesOfFlamepy(file) {
  const [, lines = ""] = file.split(/^(?=flamepy==)/m);
  return lines.split(/^(?=\S)/m)[0];
}

/** Takes the source distribution by its hash, and its tests out of it; pip reads its metadata with the build tools of ours. */
async function takeTests({ uv, python }) {
  const logFile = join(folder, "log");
  const tools = join(folder, "tools");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const env = { UV_PYTHON_DOWNLOADS: "never" };
  await run([uv, "venv", "--python", python, tools], { logFile, env });
  const target = join(tools, "bin/python");
  for (const set of ["pip", "build"])
    await installByHash({ uv, python: target, root, file: lockedFile(root, set), logFile });
  const wanted = join(folder, "flamepy.txt");
  writeFileSync(wanted, linesOfFlamepy(readFileSync(lockedFile(root, "published"), "utf8")));
  const download = ["download", "--no-deps", "--no-binary", "flamepy", "--no-build-isolation"];
  const from = ["--require-hashes", "--requirement", wanted, "--dest", folder];
  await run([target, "-m", "pip", ...download, ...from], { logFile });
  const archive = join(folder, `${release}.tar.gz`);
  const tests = ["--strip-components", "1", `${release}/tests`];
  await run(["tar", "--extract", "--file", archive, "--directory", folder, ...tests], { logFile });
}

async function main() {
  const { home, uv, python } = await setUp({ tests: true });
  await announce(`taking the tests of ${release}`, () => takeTests({ uv, python }));
  const { venvs } = homePaths(home);
  const lib = join(venvs, release, "lib");
  const [version] = readdirSync(lib);
  const runner = join(root, "sdk/python/scripts/published_tests.py");
  const packages = join(lib, version, "site-packages");
  const command = [join(venvs, "sdk-dev/bin/python"), runner, folder, packages];
  const { ok } = await check(`tests of ${release} on this flamepy`, command);
  return ok ? 0 : 1;
}

await runMain(main);
