import { type TaskOutcome } from "../model/task.ts";

/** An executor says how much it takes. */
export interface ReadyExecutor {
  readonly executorId: string;
  /** Leases at most; 0: nothing new. */
  readonly credit: number;
  /** On a new stream: every lease of which it has no acknowledgement, in the order in which they came. */
  readonly held?: readonly HeldLease[];
  /** The session that its service has entered. */
  readonly entered?: string;
}

export interface HeldLease {
  readonly lease: string;
  readonly sessionId: string;
  readonly taskId: number;
}

/** What a service answered. */
export interface Completion {
  readonly executorId: string;
  readonly lease: string;
  readonly outcome: TaskOutcome;
}

/** One message of a node on its work stream. */
export interface NodeWork {
  readonly ready: readonly ReadyExecutor[];
  readonly completions: readonly Completion[];
  /** Leases that have not begun and will not. */
  readonly returns: readonly {
    readonly executorId: string;
    readonly leases: readonly string[];
    /** Of those that were wanted back, the one that runs. */
    readonly begun?: string;
  }[];
  readonly awaits: readonly AwaitingTask[];
}

/** The task of a lease that has begun waits for tasks of its own. */
export interface AwaitingTask {
  readonly executorId: string;
  readonly lease: string;
  /** Those that it waits for belong to these; empty: it goes on. */
  readonly sessionIds: readonly string[];
}
