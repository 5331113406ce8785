// Generates code from proto/ (TypeScript and Python) and schemas/; --check fails when that changes anything.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "./lib/paths.mjs";
import { runMain, SetupError } from "./lib/progress.mjs";
import { run } from "./lib/run.mjs";
import { sourceFiles } from "./lib/stamps.mjs";
import { setUp } from "./setup.mjs";

/** Everything that is generated, as files and folders. */
const outputs = [
  "src/protocol/generated",
  "src/model/application-spec.ts",
  "src/manifest/generated",
  "src/config/generated",
  "docs/configuration.md",
  "plugin-api.d.ts",
  "sdk/python/flamepy/proto",
];
const logFile = join(root, ".cache/gen.log");

/** The content of every generated file, by its path. */
function contents() {
  const files = outputs.flatMap((path) =>
    statSync(join(root, path)).isDirectory()
      ? sourceFiles(join(root, path)).map((file) => join(path, file))
      : [path],
  );
  return new Map(files.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

async function generate() {
  await run([join(root, "node_modules/.bin/buf"), "generate"], { cwd: root, logFile });
  await run([process.execPath, "scripts/generate-descriptors.mjs"], { cwd: root, logFile });
  await run([process.execPath, "scripts/generate-application-types.mjs"], { cwd: root, logFile });
  await run([process.execPath, "scripts/generate-config-types.mjs"], { cwd: root, logFile });
  await run([process.execPath, "scripts/generate-configuration-page.mjs"], { cwd: root, logFile });
  await run([process.execPath, "scripts/generate-plugin-api.mjs"], { cwd: root, logFile });
  await run([process.execPath, "scripts/generate-validators.mjs"], { cwd: root, logFile });
  const { home } = await setUp({ tests: true });
  const env = { PYTHON: join(home, "venvs/sdk-dev/bin/python") };
  await run([join(root, "sdk/python/scripts/proto")], { cwd: root, env, logFile });
}

async function main() {
  const before = contents();
  await generate();
  if (!process.argv.includes("--check")) return;
  const after = contents();
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  );
  if (changed.length > 0) {
    throw new SetupError(
      `generated code was not up to date with proto/ and schemas/: ${changed.join(", ")}\n` +
        "What to do: it is now; look at the difference and commit it.",
    );
  }
}

await runMain(main);
