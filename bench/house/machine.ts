import { readFileSync, realpathSync } from "node:fs";
import { cpus, release, tmpdir, totalmem, type } from "node:os";
import process from "node:process";
import { version } from "../../src/cli/version.ts";
import type { Machine } from "./results.ts";

/** What figures depend on. */
export function machine(quick: boolean, fdatasyncP50Ms: number, otherCpu: number | null): Machine {
  return {
    quick,
    at: `${new Date().toISOString().slice(0, 16)}Z`,
    cores: cpus().length,
    processor: cpus()[0]?.model.trim() || "unknown",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    fileSystem: fileSystemOf(realpathSync(tmpdir())),
    fdatasyncP50Ms,
    node: process.version,
    flame: version,
    otherCpu,
  };
}

/** The type of the file system that holds a path, such as ext4. */
function fileSystemOf(path: string): string {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, at = ""]) => at === "/" || path === at || path.startsWith(`${at}/`));
  const longest = mounts.reduce(
    (best, mount) => ((mount[1]?.length ?? 0) >= (best[1]?.length ?? 0) ? mount : best),
    ["", "", "unknown"],
  );
  return longest[2] ?? "unknown";
}
