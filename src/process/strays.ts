import { readdirSync } from "node:fs";
import { codeOf } from "../kit/thrown.ts";
import { hasEnvironmentEntry } from "./process-facts.ts";

/**
 * Kills what has `mark`, a `NAME=value`, in its environment: whatever left the process group that was started with it,
 * as a daemon does. Linux alone shows the environment of others; elsewhere nothing is found.
 * @returns the ids of the processes that were killed.
 */
export function killStrays(mark: string): number[] {
  const strays = pids().filter((pid) => pid !== process.pid && hasEnvironmentEntry(pid, mark));
  for (const pid of strays) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (thrown) {
      if (codeOf(thrown) !== "ESRCH") throw thrown;
    }
  }
  return strays;
}

function pids(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}
