import process from "node:process";
import { describe, expect, test } from "@jest/globals";
import { type CpuSnapshot, cpuSnapshot, othersShare, treeMs } from "../../../bench/house/cpu.ts";

const [us, cluster] = [process.pid, 2 ** 22];
const snapshot = (
  busy: number,
  total: number,
  processes: readonly (readonly [pid: number, parent: number, own: number, ended: number])[],
): CpuSnapshot => ({
  busy,
  total,
  processes: new Map(
    processes.map(([pid, parent, own, ended]) => [pid, { parent, own, ended }] as const),
  ),
});

describe("the CPU that a bench sees", () => {
  const before = snapshot(1_000, 10_000, [
    [us, 1, 100, 0],
    [us + 1, us, 50, 0],
    [us + 2, us + 1, 10, 5],
    [cluster, 1, 400, 0],
  ]);
  // The grandchild ended with 30 ms: its parent counts them now.
  const after = snapshot(1_500, 11_000, [
    [us, 1, 150, 0],
    [us + 1, us, 150, 35],
    [cluster, 1, 600, 0],
  ]);

  test("counts a process with all below it, those that ended included", () => {
    expect(treeMs(before, [us])).toBe(165);
    expect(treeMs(after, [us])).toBe(335);
    expect(treeMs(after, [us, us + 1])).toBe(335);
  });

  test("is others' where it is neither ours nor the measured cluster's", () => {
    // 500 ms busy of 1,000, 170 of them ours, 200 the cluster's.
    expect(othersShare(before, after)).toBeCloseTo(0.33);
    expect(othersShare(before, after, [cluster])).toBeCloseTo(0.13);
    expect(othersShare(before, before)).toBe(0);
  });

  test("is read from this machine: this process runs and is in the tree of its parent", () => {
    const now = cpuSnapshot();
    expect(now.processes.get(process.pid)?.parent).toBe(process.ppid);
    expect(treeMs(now, [process.ppid])).toBeGreaterThanOrEqual(treeMs(now, [process.pid]));
    expect(now.total).toBeGreaterThan(now.busy);
  });
});
