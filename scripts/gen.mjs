// Generates code from proto/ (TypeScript and Python) and schemas/; --check fails when that changes anything.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "./lib/paths.mjs";
import { runMain, SetupError } from "./lib/progress.mjs";
import { run } from "./lib/run.mjs";
import { sourceFiles } from "./lib/stamps.mjs";

const outputs = ["src/protocol/generated", "src/manifest/generated"];
const logFile = join(root, ".cache/gen.log");

const contents = () =>
  new Map(
    outputs.flatMap((folder) =>
      sourceFiles(join(root, folder)).map((file) => {
        const path = join(folder, file);
        return [path, readFileSync(join(root, path), "utf8")];
      }),
    ),
  );

async function generate() {
  await run([join(root, "node_modules/.bin/buf"), "generate"], { cwd: root, logFile });
  for (const script of ["scripts/generate-application-types.mjs"]) {
    if (existsSync(join(root, script)))
      await run([process.execPath, script], { cwd: root, logFile });
  }
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
