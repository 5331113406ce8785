// npm run test:published: the tests that the published flamepy brings in its source distribution, run on this flamepy.
// What they cannot ask of it, and what differs on purpose, stands in sdk/python/scripts/published_differences.toml.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { installByHash, pipByHash } from "./lib/by-hash.mjs";
import { withLock } from "./lib/lock.mjs";
import { homePaths, root } from "./lib/paths.mjs";
import { runMain } from "./lib/progress.mjs";
import { check } from "./lib/report.mjs";
import { lockedFile, pinsOf, publishedFlamepy } from "./lib/requirements.mjs";
import { run } from "./lib/run.mjs";
import { whenChanged } from "./lib/stamps.mjs";
import { setUp } from "./setup.mjs";

const folder = join(root, ".cache/published-tests");
const release = `flamepy-${publishedFlamepy}`;
const published = lockedFile(root, "published");

/** Takes the source distribution by its hash, and its tests out of it; pip reads its metadata with the build tools of ours. */
async function takeTests({ uv, python }) {
  const logFile = join(folder, "log");
  const tools = join(folder, "tools");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await run([uv, "venv", "--python", python, tools], {
    logFile,
    env: { UV_PYTHON_DOWNLOADS: "never" },
  });
  const target = join(tools, "bin/python");
  for (const set of ["pip", "build"])
    await installByHash({ uv, python: target, root, file: lockedFile(root, set), logFile });
  const { version, hashes } = pinsOf(published).find(({ name }) => name === "flamepy");
  const wanted = join(folder, "flamepy.txt");
  writeFileSync(
    wanted,
    `flamepy==${version} ${hashes.map((it) => `--hash=sha256:${it}`).join(" ")}\n`,
  );
  const command = ["download", "--dest", folder, "--no-build-isolation"];
  await pipByHash({ python: target, command, root, file: wanted, logFile, source: true });
  const archive = join(folder, `${release}.tar.gz`);
  const tests = ["--strip-components", "1", `${release}/tests`];
  await run(["tar", "--extract", "--file", archive, "--directory", folder, ...tests], { logFile });
}

async function main() {
  const { home, uv, python } = await setUp({ tests: true });
  await withLock(join(root, ".cache/set-up/lock"), () =>
    whenChanged({
      folder: join(root, ".cache/set-up/stamps"),
      name: "published-tests",
      title: `taking the tests of ${release}`,
      inputs: [python, { path: published }],
      products: [join(folder, "tests")],
      work: () => takeTests({ uv, python }),
    }),
  );
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
