import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import process from "node:process";
import { root } from "./paths.mjs";

/** The names of the failed tests of one file, or the file's own when it does not even load. */
function failuresOf({ testFilePath, testExecError, testResults }) {
  const file = relative(root, testFilePath);
  const names = testResults
    .filter(({ status }) => status === "failed")
    .map(({ fullName }) => `${file}: ${fullName}`);
  return testExecError === undefined || names.length > 0 ? names : [`${file}: did not load`];
}

/**
 * A jest reporter that writes what was counted, and the names of the failed tests,
 * to the file $FLAME_TEST_COUNTS, also when the end of the run then finds that something was left behind
 * (jest's own --json writes nothing in that case).
 */
export default class CountsReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.FLAME_TEST_COUNTS;
    if (file === undefined) return;
    const counts = {
      passed: results.numPassedTests,
      // A file that does not even load is one failed test more.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
      failures: results.testResults.flatMap(failuresOf),
    };
    writeFileSync(file, JSON.stringify(counts));
  }
}
