import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { note, SetupError } from "./progress.mjs";

const pollMs = 200;
const deadlineMs = 20 * 60_000;

/**
 * Runs `work` while holding the lock file: two commands in one checkout must not build the same thing.
 * The lock names its holder's process, so that one left behind by a killed process is taken over.
 */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  await acquire(path);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

async function acquire(path) {
  const deadline = performance.now() + deadlineMs;
  for (let told = false; ; told = true) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return;
    } catch (failure) {
      if (failure.code !== "EEXIST") throw failure;
    }
    const holder = holderOf(path);
    if (holder === undefined) continue;
    if (!told)
      note(`another set-up of this checkout is at work (process ${holder}), waiting for it`);
    if (performance.now() > deadline) {
      throw new SetupError(
        `${path} is still held by process ${holder} after ${deadlineMs / 60_000} minutes`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** The live holder; a lock without one is removed. */
function holderOf(path) {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    // Written but not yet filled: somebody holds it.
    if (pid === 0) return "starting";
    process.kill(pid, 0);
    return pid;
  } catch {
    rmSync(path, { force: true });
    return undefined;
  }
}
