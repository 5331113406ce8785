import { readdir, readFile } from "node:fs/promises";
import { codeOf } from "../kit/thrown.ts";

/** Processes looked at together: a machine may have thousands, and others want their turn meanwhile. */
const scanBatchSize = 50;

/**
 * Kills what has `mark`, a `NAME=value`, in its environment: whatever left the process group that was started with it,
 * as a daemon does. Linux alone shows the environment of others; elsewhere nothing is found.
 * @returns the ids of the processes that were killed.
 */
export async function killStrays(mark: string): Promise<number[]> {
  const others = (await pids()).filter((pid) => pid !== process.pid);
  const killed: number[] = [];
  while (others.length > 0) {
    const some = others.splice(0, scanBatchSize);
    const marked = await Promise.all(some.map((pid) => hasMark(pid, mark)));
    for (const [nth, pid] of some.entries())
      if (marked[nth] === true && kill(pid)) killed.push(pid);
  }
  return killed;
}

async function pids(): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  return names.map(Number).filter(Number.isInteger);
}

/** False for a process that ended meanwhile, or is not ours to look at. */
async function hasMark(pid: number, mark: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  return environment.split("\0").includes(mark);
}

/** False when it ended meanwhile. */
function kill(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === "ESRCH") return false;
    throw thrown;
  }
}
