import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** Linux counts CPU time for user space in ticks of a hundredth of a second. */
const tickMs = 10;

interface ProcessTimes {
  readonly parent: number;
  /** Of its threads, also of those that ended. */
  readonly own: number;
  /** Of its children that ended and were waited for, with theirs. */
  readonly ended: number;
}

/** CPU times of the machine and of every process at one moment, in milliseconds. */
export interface CpuSnapshot {
  readonly processes: ReadonlyMap<number, ProcessTimes>;
  /** Programs and the kernel for them, and what a hypervisor gave to other machines; without interrupts. */
  readonly busy: number;
  /** Of all cores, idle or not. */
  readonly total: number;
}

export function cpuSnapshot(): CpuSnapshot {
  const processes = new Map<number, ProcessTimes>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const times = timesOf(name);
    if (times !== undefined) processes.set(Number(name), times);
  }
  const [first = ""] = readFileSync("/proc/stat", "utf8").split("\n", 1);
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = first
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) * tickMs);
  const busy = user + nice + system + steal;
  return { processes, busy, total: busy + idle + wait + irq + soft };
}

/** Undefined when the process has ended meanwhile. */
function timesOf(pid: string): ProcessTimes | undefined {
  try {
    // The name of the program, in parentheses, may hold spaces and parentheses of its own.
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = (index: number): number => Number(fields[index]) * tickMs;
    return { parent: ticks(1) / tickMs, own: ticks(11) + ticks(12), ended: ticks(13) + ticks(14) };
  } catch {
    return undefined;
  }
}

/** CPU time of a process and its children that ended, now; 0 when it is gone. */
export function cpuOfProcess(pid: number): number {
  const times = timesOf(String(pid));
  return times === undefined ? 0 : times.own + times.ended;
}

/** CPU time of a process alone; 0 when it is gone. */
export const ownMs = ({ processes }: CpuSnapshot, pid: number): number =>
  processes.get(pid)?.own ?? 0;

/** CPU time of the children of a process that ended. */
export const endedMs = ({ processes }: CpuSnapshot, pid: number): number =>
  processes.get(pid)?.ended ?? 0;

/** CPU time of processes and of all below them, ended ones included. */
export function treeMs(snapshot: CpuSnapshot, roots: readonly number[]): number {
  const { processes } = snapshot;
  const children = new Map<number, number[]>();
  for (const [pid, { parent }] of processes) {
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const seen = new Set<number>();
  const left = [...roots];
  let sum = 0;
  for (let pid = left.pop(); pid !== undefined; pid = left.pop()) {
    const times = processes.get(pid);
    if (times === undefined || seen.has(pid)) continue;
    seen.add(pid);
    sum += times.own + times.ended;
    left.push(...(children.get(pid) ?? []));
  }
  return sum;
}

/**
 * The share of all cores that processes outside our tree took between two moments, from 0 to 1.
 * @param uncountedMs CPU of processes of ours that ended meanwhile and that no parent of theirs counts
 */
export function othersShare(
  before: CpuSnapshot,
  after: CpuSnapshot,
  clusterPids: readonly number[] = [],
  uncountedMs = 0,
): number {
  const roots = [process.pid, ...clusterPids];
  const total = after.total - before.total;
  const ours = treeMs(after, roots) - treeMs(before, roots) + uncountedMs;
  return total <= 0 ? 0 : Math.min(1, Math.max(0, (after.busy - before.busy - ours) / total));
}

/** Resident memory of a process in MiB: now, and at its highest. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1024;
  return { now: mib("VmRSS"), peak: mib("VmHWM") };
}
