import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const KILL_POLLS_MAX = 250;
const KILL_POLL_MS = 20;

/** The control group that this process is in; undefined without cgroup v2. */
function ownFolder(): string | undefined {
  try {
    const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
    const mount = mounts.map((line) => line.split(" ")).find(([, , type]) => type === "cgroup2");
    const own = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
    return mount?.[1] === undefined || own === undefined ? undefined : join(mount[1], own);
  } catch {
    return undefined;
  }
}

const enter = (folder: string): void => {
  writeFileSync(join(folder, "cgroup.procs"), String(process.pid));
};

/**
 * Makes a control group below the one of this process (cgroup v2): whatever its processes do to their process group, session
 * and environment, they cannot leave it.
 * @returns undefined where this process may not make one, or the kernel cannot kill one
 */
export function makeCgroup(name: string): Cgroup | undefined {
  const own = ownFolder();
  if (own === undefined) return undefined;
  const folder = join(own, `flame-${name}`);
  try {
    mkdirSync(folder);
  } catch {
    return undefined;
  }
  if (existsSync(join(folder, "cgroup.kill"))) return new Cgroup(folder, own);
  rmdirSync(folder);
  return undefined;
}

/** A control group for one program and all that it starts. */
export class Cgroup {
  readonly folder: string;
  readonly #own: string;
  /** False when this process could not leave it: killing it would end this process too. */
  #killable = true;

  constructor(folder: string, own: string) {
    this.folder = folder;
    this.#own = own;
  }

  /**
   * Starts a process that is in the control group from its first moment: this process enters it, and leaves it before
   * anything else happens.
   */
  startIn<T>(start: () => T): T {
    try {
      enter(this.folder);
    } catch {
      // Not allowed: the control group stays empty.
      return start();
    }
    try {
      return start();
    } finally {
      try {
        enter(this.#own);
      } catch {
        this.#killable = false;
      }
    }
  }

  /** Kills what is in it, and removes it. @returns the ids of the processes that were killed. */
  async end(): Promise<number[]> {
    return this.#killable ? endCgroup(this.folder) : [];
  }
}

/** Kills what is in a control group that {@link makeCgroup} made, and removes it; one that is gone is no error. */
export async function endCgroup(folder: string): Promise<number[]> {
  const members = (): number[] => {
    try {
      const lines = readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n");
      return lines.filter((line) => line !== "").map(Number);
    } catch {
      return [];
    }
  };
  const killed = members();
  if (killed.includes(process.pid)) return [];
  try {
    if (killed.length > 0) writeFileSync(join(folder, "cgroup.kill"), "1");
    for (let poll = 0; members().length > 0 && poll < KILL_POLLS_MAX; poll++)
      await new Promise((resolve) => setTimeout(resolve, KILL_POLL_MS));
    rmdirSync(folder);
  } catch {
    // Gone, or a process in it cannot be killed yet: the folder alone harms nobody.
  }
  return killed;
}
