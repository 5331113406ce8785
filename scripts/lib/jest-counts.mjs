import { writeFileSync } from "node:fs";
import process from "node:process";

/**
 * A jest reporter that writes what was counted to the file $FLAME_TEST_COUNTS, also when the end of the run
 * then finds that something was left behind (jest's own --json writes nothing in that case).
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
    };
    writeFileSync(file, JSON.stringify(counts));
  }
}
