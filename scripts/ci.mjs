// Everything that has to be right before a change lands: npm test, then the checks; the count last.
//   node scripts/ci.mjs [--checks]   --checks leaves the tests out
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "./lib/paths.mjs";
import { runMain } from "./lib/progress.mjs";
import { check, closingLine, failureLines, total } from "./lib/report.mjs";
import { beginTestRun } from "./lib/test-run.mjs";
import { setUp } from "./setup.mjs";

const tool = (path, ...args) => [process.execPath, join(root, "node_modules", path), ...args];
const checks = [
  ["format (biome)", tool("@biomejs/biome/bin/biome", "check", "--error-on-warnings", ".")],
  [
    "lint (typescript-eslint strictTypeChecked)",
    tool("eslint/bin/eslint.js", "--max-warnings=0", "."),
  ],
  ["types (tsc)", tool("typescript/bin/tsc", "-p", ".")],
  [
    "rooms (dependency-cruiser)",
    tool(
      "dependency-cruiser/bin/dependency-cruise.mjs",
      "--config",
      ".dependency-cruiser.mjs",
      "src",
      "test",
    ),
  ],
  ["dead code (knip)", tool("knip/bin/knip.js", "--treat-config-hints-as-errors")],
  ["Python format, lint and types (ruff, mypy)", [join(root, "sdk/python/scripts/lint")]],
  ["Python requirements (lock --check)", [process.execPath, "scripts/lock.mjs", "--check"]],
  ["generated code (gen:check)", [process.execPath, "scripts/gen.mjs", "--check"]],
];

/** What npm test counted; one failure when it did not come so far. */
async function runTests() {
  const countsFile = join(root, ".cache/test/counts.json");
  rmSync(countsFile, { force: true });
  const tests = await check("npm test", ["npm", "test"], { cwd: root });
  if (!existsSync(countsFile)) return { ...tests, counts: { failed: 1 } };
  const counts = JSON.parse(readFileSync(countsFile, "utf8"));
  return { ...tests, counts: tests.ok || counts.failed > 0 ? counts : { ...counts, failed: 1 } };
}

async function main() {
  beginTestRun();
  const runs = [];
  if (!process.argv.includes("--checks")) runs.push(await runTests());
  const { home } = await setUp({ tests: true });
  const env = { PYTHON: join(home, "venvs/sdk-dev/bin/python") };
  for (const [name, command] of checks) {
    const run = await check(name, command, { cwd: root, env });
    runs.push({ ...run, counts: run.ok ? { passed: 1 } : { failed: 1 } });
  }
  process.stdout.write("\n");
  for (const { name, ok, seconds } of runs) {
    process.stdout.write(`${ok ? "passed" : "FAILED"}  ${name} (${seconds} s)\n`);
  }
  const counts = total(runs.map((run) => run.counts));
  process.stdout.write(`${failureLines(counts)}${closingLine(counts)}\n`);
  return counts.failed === 0 ? 0 : 1;
}

await runMain(main);
