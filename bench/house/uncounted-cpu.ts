import { readFileSync } from "node:fs";
import { cpuOfProcess } from "./cpu.ts";

const sampleMs = 50;
/** The bit of SIGCHLD in what /proc tells of ignored signals. */
const sigchld = 1n << 16n;

/**
 * The CPU of processes whose parent ignores their end, as Ray's does: Linux counts it for nobody once they have ended. So it is
 * looked at again and again while they run.
 */
export class UncountedCpu {
  readonly #root: number;
  readonly #timer: NodeJS.Timeout;
  /** Of those that run, by their ids. */
  #running = new Map<number, number>();
  #endedMs = 0;

  /** @param root the process with whose descendants this is about */
  constructor(root: number) {
    this.#root = root;
    this.#timer = setInterval(() => this.look(), sampleMs);
    this.#timer.unref();
  }

  /** Milliseconds so far of those that have ended. */
  get ms(): number {
    return this.#endedMs;
  }

  /** Sees who runs, and who no longer does. */
  look(): void {
    const running = new Map<number, number>();
    visit(this.#root, (pid) => running.set(pid, cpuOfProcess(pid)));
    for (const [pid, ms] of this.#running) {
      // An id that is used again begins with less.
      if ((running.get(pid) ?? 0) < ms) this.#endedMs += ms;
    }
    this.#running = running;
  }

  /** Looks for the last time. */
  stop(): void {
    clearInterval(this.#timer);
    this.look();
  }
}

/** All descendants whose parent ignores their end. */
function visit(parent: number, found: (pid: number) => void): void {
  const ignores = ignoresChildren(parent);
  for (const child of childrenOf(parent)) {
    if (ignores) found(child);
    visit(child, found);
  }
}

/** None of a process that has ended. */
function childrenOf(pid: number): number[] {
  return textOf(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

function ignoresChildren(pid: number): boolean {
  const mask = /^SigIgn:\s+([0-9a-f]+)$/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? "0";
  return (BigInt(`0x${mask}`) & sigchld) !== 0n;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
