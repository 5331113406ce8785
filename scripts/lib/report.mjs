import { spawn } from "node:child_process";
import process from "node:process";

/**
 * Runs a check with its output shown as it comes.
 * @param {string} name what the summary calls it
 * @param {string[]} command
 * @param {{ cwd?: string, env?: Record<string, string> }} [options] `env` is added to ours
 * @returns {Promise<{ name: string, ok: boolean, seconds: string }>}
 */
export async function check(name, [program, ...args], { cwd, env } = {}) {
  process.stdout.write(`\n== ${name}\n`);
  const started = performance.now();
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ok = await new Promise((resolve) => {
    child.once("error", (failure) => {
      process.stdout.write(`${program}: ${failure.message}\n`);
      resolve(false);
    });
    child.once("exit", (code) => resolve(code === 0));
  });
  return { name, ok, seconds: ((performance.now() - started) / 1000).toFixed(1) };
}

/** The closing line: `N passed, N failed`, and skipped ones when there are any. */
export function closingLine({ passed, failed, skipped = 0 }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** At most this many failed tests are named: whoever reads only the end of a run sees them all or their number. */
const NAMED_FAILURES = 10;

/** A line for each failed test, so that the end of a run says what to look at. */
export function failureLines({ failures }) {
  const lines = failures.slice(0, NAMED_FAILURES).map((name) => `failed: ${name}\n`);
  if (failures.length > NAMED_FAILURES) {
    lines.push(`and ${failures.length - NAMED_FAILURES} more (see above)\n`);
  }
  return lines.join("");
}

/** Adds up counts of the same kind, and collects the names of what failed. */
export const total = (counts) =>
  counts.reduce(
    (sum, { passed = 0, failed = 0, skipped = 0, failures = [] }) => ({
      passed: sum.passed + passed,
      failed: sum.failed + failed,
      skipped: sum.skipped + skipped,
      failures: [...sum.failures, ...failures],
    }),
    { passed: 0, failed: 0, skipped: 0, failures: [] },
  );
