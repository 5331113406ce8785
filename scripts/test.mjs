// npm test: set-up, every jest suite, then the Python SDK's own tests; the counts last.
//   npm test -- PATTERN ...   passes its arguments to jest and leaves the Python tests out
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root } from "./lib/paths.mjs";
import { runMain } from "./lib/progress.mjs";
import { check, closingLine, failureLines, total } from "./lib/report.mjs";
import { beginTestRun } from "./lib/test-run.mjs";
import { setUp } from "./setup.mjs";

const results = join(root, ".cache/test");
const jestReport = join(results, "jest.json");
const pytestReport = join(results, "pytest.xml");
/** Read by .ci/run, which adds its own checks to these counts. */
const countsFile = join(results, "counts.json");

function jestCounts({ ok }) {
  if (!existsSync(jestReport)) return { failed: 1 };
  const counts = JSON.parse(readFileSync(jestReport, "utf8"));
  // Jest can fail without a failed test: when the end of the run finds something left behind, for example.
  return counts.failed === 0 && !ok ? { ...counts, failed: 1 } : counts;
}

/** A test of pytest's report that begins with a failure or an error. */
const FAILED_CASE = /<testcase classname="([^"]*)" name="([^"]*)"[^>]*>\s*<(?:failure|error)/g;

function pytestCounts({ ok }) {
  if (!existsSync(pytestReport)) return { failed: 1 };
  const report = readFileSync(pytestReport, "utf8");
  const head = /<testsuite [^>]*>/.exec(report)?.[0] ?? "";
  const count = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return {
    passed: count("tests") - failed - skipped,
    failed: failed === 0 && !ok ? 1 : failed,
    skipped,
    failures: [...report.matchAll(FAILED_CASE)].map(([, file, name]) => `${file}: ${name}`),
  };
}

function runJest(args) {
  const jest = join(root, "node_modules/jest/bin/jest.js");
  const flags = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
  return check("jest", [process.execPath, ...flags, jest, ...args], {
    cwd: root,
    env: { FLAME_TEST_COUNTS: jestReport },
  });
}

function runPytest(home) {
  return check(
    "pytest (sdk/python)",
    [
      join(root, "sdk/python/scripts/test"),
      `--junitxml=${pytestReport}`,
      // Shorter than pytest's own, for the sockets below it.
      `--basetemp=${join(tmpdir(), "pytest")}`,
    ],
    { env: { PYTHON: join(home, "venvs/sdk-dev/bin/python") } },
  );
}

async function main() {
  const args = process.argv.slice(2);
  beginTestRun();
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const { home } = await setUp({ tests: true });
  const jest = await runJest(args);
  const runs = [{ ...jest, counts: jestCounts(jest) }];
  if (args.length === 0) {
    const pytest = await runPytest(home);
    runs.push({ ...pytest, counts: pytestCounts(pytest) });
  }
  process.stdout.write("\n");
  for (const { name, seconds, counts } of runs) {
    process.stdout.write(`${name}: ${closingLine(total([counts]))} (${seconds} s)\n`);
  }
  const counts = total(runs.map((run) => run.counts));
  writeFileSync(countsFile, JSON.stringify(counts));
  process.stdout.write(`${failureLines(counts)}${closingLine(counts)}\n`);
  return counts.failed === 0 && runs.every(({ ok }) => ok) ? 0 : 1;
}

await runMain(main);
