import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Others may pass through, not look: some tests run programs as another user. */
const passThrough = 0o711;

/**
 * Names this run of the tests, and gives it a folder for temporary files which goes with this process. Every child process
 * inherits both, so that the end of the run can tell what was left behind, and the files of tools, such as uv's locks, go
 * too. Does nothing inside a run that has begun.
 */
export function beginTestRun() {
  if (process.env.FLAME_TEST_RUN !== undefined) return;
  const run = randomUUID().slice(0, 8);
  // Short: unix sockets below it must stay within 107 bytes.
  const folder = join(tmpdir(), `flame-test-${run}`);
  mkdirSync(folder, { mode: passThrough });
  process.env.FLAME_TEST_RUN = run;
  process.env.TMPDIR = folder;
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
}
