import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { cgroupCpus, gpuCount, measureNode } from "../../../src/executor-manager/node-facts.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "flame-facts-"));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const cpus = () => cgroupCpus(join(root, "cgroup"), join(root, "proc"));

describe("the CPUs of a node", () => {
  test("are the tightest quota of its cgroup and those above it", () => {
    write("proc/self/cgroup", "0::/a/b\n");
    write("cgroup/cpu.max", "max 100000\n");
    write("cgroup/a/cpu.max", "350000 100000\n");
    write("cgroup/a/b/cpu.max", "max 100000\n");
    expect(cpus()).toBe(3);
  });

  test("are read from version 1 as well, at least 1", () => {
    write("proc/self/cgroup", "2:cpuacct:/\n1:cpu:/x\n");
    write("cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    write("cgroup/cpu/cpu.cfs_period_us", "100000\n");
    write("cgroup/cpu/x/cpu.cfs_quota_us", "50000\n");
    write("cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
    expect(cpus()).toBe(1);
  });

  test("have no quota when nothing says so", () => {
    expect(cpus()).toBeUndefined();
  });
});

describe("the GPUs of a node", () => {
  test.each([
    ["0,1,3", 3],
    ["GPU-1", 1],
    ["", 0],
    ["-1", 0],
  ])("CUDA_VISIBLE_DEVICES=%j means %d", (visible, count) => {
    write("proc/driver/nvidia/gpus/0000:01:00.0/information", "");
    expect(gpuCount(visible, join(root, "proc"))).toBe(count);
  });

  test("are those that the driver shows when nothing is listed", () => {
    expect(gpuCount(undefined, join(root, "proc"))).toBe(0);
    write("proc/driver/nvidia/gpus/0000:01:00.0/information", "");
    expect(gpuCount(undefined, join(root, "proc"))).toBe(1);
  });
});

test("a node is measured in whole numbers, with names as other tools write them", () => {
  const facts = measureNode({});
  expect(Number.isInteger(facts.capacity.cpu) && facts.capacity.cpu >= 1).toBe(true);
  expect(facts.capacity.memory).toBeGreaterThan(0);
  expect(["x86_64", "aarch64"]).toContain(facts.arch);
});
