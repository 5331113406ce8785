import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What the kernel tells about one process. */
export interface ProcessFacts {
  readonly pid: number;
  /** `R`, `S`, `Z` ... as in proc(5). */
  readonly state: string;
  readonly group: number;
  /** Clock ticks after boot; with the pid it names one process forever, however pids are reused. */
  readonly startTime: number;
}

/** Facts of a process; undefined when there is none of that pid. A zombie still has facts. */
export function processFacts(pid: number): ProcessFacts | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The name in parentheses may hold blanks and parentheses itself, so fields count from the last one.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "?", , group = "0"] = fields;
  return { pid, state, group: Number(group), startTime: Number(fields[19] ?? "0") };
}

/** True while exactly that process runs; a zombie does not, and neither does a later owner of the pid. */
export function isSameProcessAlive(pid: number, startTime: number): boolean {
  const facts = processFacts(pid);
  return facts !== undefined && facts.state !== "Z" && facts.startTime === startTime;
}

/** Names the PID namespace of this process: the same pid is another process in another container. Empty when unknown. */
export function ownPidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

/** Names the time since the last boot of this machine; empty when unknown. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** Every process of a group that still runs, zombies left out. */
export function groupMembers(group: number): ProcessFacts[] {
  return membersOf(new Set([group]));
}

/** Resident memory of all processes of these groups; what they share counts for each of them. */
export function groupMemoryBytes(groups: ReadonlySet<number>): number {
  return membersOf(groups).reduce((sum, { pid }) => sum + residentBytes(pid), 0);
}

function residentBytes(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kib ?? "0") * 1024;
  } catch {
    // It has ended.
    return 0;
  }
}

function membersOf(groups: ReadonlySet<number>): ProcessFacts[] {
  const members: ProcessFacts[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const facts = processFacts(Number(entry));
    if (facts !== undefined && groups.has(facts.group) && facts.state !== "Z") members.push(facts);
  }
  return members;
}

/** True when the process was started with `NAME=value` in its environment; false when that cannot be read. */
export function hasEnvironmentEntry(pid: number, entry: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(entry);
  } catch {
    return false;
  }
}
