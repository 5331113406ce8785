import { readdirSync, readFileSync } from "node:fs";
import { arch, availableParallelism, hostname, platform, totalmem } from "node:os";
import { join } from "node:path";
import type { Resources } from "../model/resources.ts";

/** What a node is and offers. */
export interface NodeFacts {
  readonly capacity: Resources;
  /** Such as `x86_64`, `aarch64`. */
  readonly arch: string;
  /** Such as `linux`. */
  readonly os: string;
}

/** Where the kernel tells about limits; other roots are for tests. */
export interface FactSources {
  /** @default "/sys/fs/cgroup" */
  readonly cgroupRoot?: string;
  /** @default "/proc" */
  readonly procRoot?: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "x86_64",
  arm64: "aarch64",
  ia32: "x86",
};

/** The node's name unless the operator says another: its host name. */
export function defaultNodeName(): string {
  const name = hostname();
  return name === "" ? "unknown-node" : name;
}

/** Measures the node anew; cheap enough for every heartbeat (docs/protocol.md, "Nodes"). */
export function measureNode(
  env: Readonly<Record<string, string | undefined>>,
  sources: FactSources = {},
): NodeFacts {
  const { cgroupRoot = "/sys/fs/cgroup", procRoot = "/proc" } = sources;
  return {
    capacity: {
      cpu: cgroupCpus(cgroupRoot, procRoot) ?? availableParallelism(),
      memory: totalmem(),
      gpu: gpuCount(env["CUDA_VISIBLE_DEVICES"], procRoot),
    },
    arch: ARCHITECTURES[arch()] ?? arch(),
    os: platform(),
  };
}

/** GPUs the node may use: those listed in CUDA_VISIBLE_DEVICES, else those that the NVIDIA driver shows. */
export function gpuCount(visible: string | undefined, procRoot: string): number {
  if (visible !== undefined) {
    const listed = visible.trim();
    return listed === "" || listed === "-1" ? 0 : listed.split(",").length;
  }
  try {
    return readdirSync(join(procRoot, "driver/nvidia/gpus")).length;
  } catch {
    return 0;
  }
}

/** Whole CPUs of the cgroup's quota, at least 1; undefined when there is no quota. */
export function cgroupCpus(cgroupRoot: string, procRoot: string): number | undefined {
  const quotas = cgroupFolders(cgroupRoot, procRoot).flatMap((folder) => {
    const [quota, period] = readQuota(folder);
    return quota > 0 && period > 0 ? [quota / period] : [];
  });
  return quotas.length === 0 ? undefined : Math.max(1, Math.floor(Math.min(...quotas)));
}

// Version 2 has one `cpu.max` per level, and any level may be the tightest; version 1 has two files.
function readQuota(folder: string): [quota: number, period: number] {
  const [quota, period] = readWords(join(folder, "cpu.max"));
  if (quota !== undefined) return [Number(quota), Number(period)];
  const [quotaV1] = readWords(join(folder, "cpu.cfs_quota_us"));
  const [periodV1] = readWords(join(folder, "cpu.cfs_period_us"));
  return [Number(quotaV1 ?? -1), Number(periodV1 ?? -1)];
}

function cgroupFolders(cgroupRoot: string, procRoot: string): string[] {
  const folders = [cgroupRoot, join(cgroupRoot, "cpu")];
  for (const line of readText(join(procRoot, "self/cgroup")).split("\n")) {
    const [, controllers = "", path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers !== "" && !controllers.split(",").includes("cpu")) continue;
    let folder = controllers === "" ? cgroupRoot : join(cgroupRoot, "cpu");
    for (const part of path.split("/").filter((name) => name !== "" && name !== "..")) {
      folder = join(folder, part);
      folders.push(folder);
    }
  }
  return folders;
}

function readWords(path: string): string[] {
  return readText(path)
    .split(/\s+/)
    .filter((word) => word !== "");
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
