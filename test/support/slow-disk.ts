import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";

const source = resolve(import.meta.dirname, "../../bench/programs/slow-fsync.c");

/**
 * Builds what makes a disk slow; takes a C compiler named cc.
 * @param ms added to each fsync and fdatasync of a session manager, in milliseconds
 * @returns what the session manager needs in its environment
 */
export function slowDiskEnvironment(folder: string, ms: number): NodeJS.ProcessEnv {
  const library = join(folder, "slow-fsync.so");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]);
  return { LD_PRELOAD: library, FLAME_BENCH_FSYNC_US: String(ms * 1000) };
}
