import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A temporary folder that carries the name of this test run, so that the end of the run finds what was
 * left behind. The path is short: unix sockets below it must stay within 107 bytes.
 */
export function temporaryFolder(purpose: string): { path: string; remove: () => void } {
  const run = process.env["FLAME_TEST_RUN"] ?? "single";
  const path = mkdtempSync(join(tmpdir(), `flame-test-${run}-${purpose}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}
