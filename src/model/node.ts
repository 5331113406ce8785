import type { Shim } from "./executor.ts";
import type { Resources } from "./resources.ts";

/**
 * - Ready: its watch stream lives.
 * - Unknown: stream lost, or not yet back after a restart; its leases are kept for the grace time.
 * - NotReady: the grace time passed; its executors are gone and their tasks are Pending again.
 */
export type NodeState = "Unknown" | "Ready" | "NotReady";

/** One node as it is stored. */
export interface NodeRecord {
  readonly name: string;
  readonly state: NodeState;
  readonly capacity: Resources;
  readonly allocatable: Resources;
  readonly arch: string;
  readonly os: string;
  /** Learnt when one of its executors registers; absent before. */
  readonly shim?: Shim;
  /** Unix milliseconds of the last registration or heartbeat. */
  readonly lastHeartbeat: number;
}

/** What a node says of itself when it registers or beats. */
export interface NodeReport {
  readonly name: string;
  readonly capacity?: Resources;
  readonly allocatable?: Resources;
  readonly arch?: string;
  readonly os?: string;
}

/** An executor as a registering node reports it. */
export interface ReportedExecutor {
  readonly id: string;
  readonly state: string;
  readonly shim: Shim;
}
