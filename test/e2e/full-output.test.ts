import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "@jest/globals";

const program = join(import.meta.dirname, "../../.flame/bin/flmctl");

// A system without the device has no disk that is always full.
const hasFullDevice = existsSync("/dev/full");
if (!hasFullDevice) process.stderr.write("full-output.test.ts: skipped, there is no /dev/full\n");
const onFullDisk = hasFullDevice ? it : it.skip;

onFullDisk("flmctl tells in one line that its output cannot be written, and fails", () => {
  const { status, stderr } = spawnSync("sh", ["-c", `"${program}" --help > /dev/full`], {
    encoding: "utf8",
  });
  expect(stderr).toMatch(/^Error: standard output cannot be written: ENOSPC[^\n]*\n$/);
  expect(status).toBe(1);
});
