// Prepares a checkout and a FLAME_HOME: nothing to do, and under a second, when nothing changed.
//   node scripts/setup.mjs [--tests]
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ensureBundles } from "./lib/bundle.mjs";
import {
  checkFlmrun,
  ensureFolders,
  ensureHomeUv,
  ensurePrograms,
  ensurePythonParts,
} from "./lib/home.mjs";
import { withLock } from "./lib/lock.mjs";
import { ensureNative, ensurePackages } from "./lib/packages.mjs";
import { homePaths, root } from "./lib/paths.mjs";
import { note, runMain, SetupError } from "./lib/progress.mjs";
import { findPython } from "./lib/python.mjs";
import { ensureTestVenvs } from "./lib/venvs.mjs";

const oldestNode = [20, 19];

/**
 * Installs, builds and lays out whatever is not yet as the sources say.
 * @param {{ home?: string, tests?: boolean }} [options] `home` is `.flame` of the checkout by default;
 *   `tests` also prepares the environments that only the tests need
 * @returns {Promise<{ home: string, python: string, uv: string }>} absolute paths
 */
export async function setUp({ home = join(root, ".flame"), tests = false } = {}) {
  checkNode();
  const work = join(root, ".cache/set-up");
  const { logs } = homePaths(home);
  return withLock(join(work, "lock"), async () => {
    await ensurePackages({ root, logs: work });
    await ensureNative({ root, logs: work });
    await ensureBundles({ root, stamps: join(work, "stamps") });
    ensureFolders(home);
    const uv = await ensureHomeUv({ root, home });
    const python = await findPython({ uv, logs });
    checkFlmrun({ root, home, python, uv });
    await ensurePrograms({ root, home, buildStamps: join(work, "stamps") });
    await ensurePythonParts({ root, home, python, uv });
    if (tests) await ensureTestVenvs({ root, home, python, uv });
    return { home, uv, python: python.executable };
  });
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  throw new SetupError(
    `this is Node ${process.version} (${process.execPath}); expected >= ${oldestNode.join(".")}`,
  );
}

async function main() {
  const { values } = parseArgs({
    options: { tests: { type: "boolean", default: false } },
  });
  const started = performance.now();
  const done = await setUp({ tests: values.tests });
  note(`${done.home} is ready (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}

const invoked = process.argv[1];
if (
  invoked !== undefined &&
  existsSync(invoked) &&
  import.meta.url === pathToFileURL(invoked).href
) {
  await runMain(main);
}
