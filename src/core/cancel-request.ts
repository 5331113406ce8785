import type { Caller } from "../model/caller.ts";

/** What a cancel asks for. */
export interface CancelRequest {
  readonly sessionId: string;
  /** Absent: every task that has not ended. */
  readonly taskIds?: readonly number[];
  /** Running tasks go on. */
  readonly pendingOnly: boolean;
  /** The session is closed as well, if nothing runs in it afterwards. */
  readonly close: boolean;
  readonly caller: Caller;
}

/** What came of a cancel. */
export interface CancelReply {
  /** Were Pending, are Cancelled. */
  readonly cancelled: number;
  /** Were Running, are Failed. */
  readonly ended: number;
  /** Of `taskIds`: had ended before. */
  readonly over: number;
  /** Of the session: run still. */
  readonly running: number;
  readonly closed: boolean;
  /** Nodes that cannot end a service. */
  readonly busyNodes: readonly string[];
}
