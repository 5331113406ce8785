import type { CpuByProcess } from "./row.ts";

/** A figure: the median, lowest and highest of so many measured runs. */
export interface Result {
  readonly id: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** What belongs to a figure and is none. */
export interface Circumstances {
  /** The share of all cores that other processes took meanwhile, 0 to 1; null: nobody can tell. */
  readonly otherCpu: number | null;
  /** Multiple of the median of `ppe` of the same run. */
  readonly ratioToPpe?: number;
  readonly cpuMicrosecondsPerTask?: CpuByProcess;
  readonly note?: string;
}

/** A row that has no figure, and why. */
export interface NotReported {
  readonly id: string;
  readonly why: string;
}

export interface Machine {
  /** Measured with `--quick`: no figures to compare. */
  readonly quick: boolean;
  readonly at: string;
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly system: string;
  readonly fileSystem: string;
  readonly fdatasyncP50Ms: number;
  readonly node: string;
  readonly flame: string;
  /** The share of all cores that other processes took from the first row to the last one. */
  readonly otherCpu: number | null;
}

/** What `--json` writes. */
export interface Results {
  readonly rows: readonly Result[];
  readonly machine: Machine;
  /** By the ids of rows. */
  readonly circumstances: Readonly<Record<string, Circumstances>>;
  readonly notReported: readonly NotReported[];
}
