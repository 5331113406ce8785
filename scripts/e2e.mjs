// npm run test:e2e: the end-to-end suite.
//   npm run test:e2e                    against the home of npm start, .flame of the checkout
//   npm run test:e2e -- --home prefix   against an installation that scripts/install.sh makes for this run
//   npm run test:e2e -- --home DIR      against an installation that is there
// What else is given goes to jest.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { installPrefix } from "./lib/installed-prefix.mjs";
import { root } from "./lib/paths.mjs";
import { announce, runMain, SetupError } from "./lib/progress.mjs";
import { check } from "./lib/report.mjs";
import { setUp } from "./setup.mjs";

const jestFlags = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];

/** Jest's own arguments stay in their order. */
function options() {
  const { values, tokens } = parseArgs({
    options: { home: { type: "string", default: "start" } },
    strict: false,
    tokens: true,
  });
  const ours = tokens.filter(({ kind, name }) => kind === "option" && name === "home");
  const taken = new Set(
    ours.flatMap(({ index, inlineValue }) => (inlineValue ? [index] : [index, index + 1])),
  );
  return { home: values.home, rest: process.argv.slice(2).filter((_, i) => !taken.has(i)) };
}

function existingHome(home) {
  const path = resolve(home);
  if (existsSync(join(path, "bin/flame"))) return path;
  throw new SetupError(
    `--home ${home}: got no Flame installation, expected start, prefix or a folder with bin/flame`,
  );
}

async function withHome(home, work) {
  if (home === "start") return work({});
  if (home !== "prefix") return work({ FLAME_TEST_HOME: existingHome(home) });
  // The npm packages, which the copy links.
  await setUp();
  const folder = mkdtempSync(join(tmpdir(), "flame-e2e-"));
  try {
    await announce("installing a copy of this checkout", () => installPrefix(folder));
    return await work({ FLAME_TEST_HOME: join(folder, "prefix") });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main() {
  const { home, rest } = options();
  const jest = [join(root, "node_modules/jest/bin/jest.js"), "--selectProjects", "e2e"];
  const command = [process.execPath, ...jestFlags, ...jest, "--", ...rest];
  const { ok } = await withHome(home, (env) =>
    check(`jest (home: ${home})`, command, { cwd: root, env }),
  );
  return ok ? 0 : 1;
}

await runMain(main);
