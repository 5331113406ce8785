import { FlameError } from "../model/errors.ts";
import type { CancelResponse } from "../protocol/generated/flame/sessions/v1/sessions.ts";
import { type FrontendClient, sessions } from "./frontend-client.ts";

/** What a cancel leaves alone, and what it does besides. */
export interface CancelOptions {
  /** Tasks that run already go on. @default false */
  readonly pendingOnly?: boolean;
  /** The session is closed as well, if nothing runs in it afterwards. @default false */
  readonly close?: boolean;
}

/** What came of a cancel. */
export interface CancelResult {
  /** Tasks that were Pending: they are Cancelled. */
  readonly cancelled: number;
  /** Tasks that were Running: they are Failed, and their services are ended. */
  readonly ended: number;
  /** Tasks that were named and had ended before. */
  readonly over: number;
  /** Tasks of the session that run still. */
  readonly running: number;
  readonly closed: boolean;
  /** Nodes that cannot end a service: an executor of theirs stays busy until its service returns. */
  readonly busyNodes: readonly string[];
}

/** Tasks that one call names at most. */
const taskIdsMax = 10_000;

/** Cancels tasks of a session, all that have not ended when none is named. */
export async function cancel(
  rpc: FrontendClient,
  sessionId: string,
  taskIds: readonly string[] | undefined,
  { pendingOnly = false, close = false }: CancelOptions,
): Promise<CancelResult> {
  const parts = taskIds === undefined ? [[]] : inParts(taskIds);
  let sum: CancelResult = nothing;
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    const request = { sessionId, taskIds: part, pendingOnly, close: close && last };
    sum = add(sum, await rpc.unary(sessions.cancel, request).catch(explain));
  }
  return sum;
}

const nothing: CancelResult = {
  cancelled: 0,
  ended: 0,
  over: 0,
  running: 0,
  closed: false,
  busyNodes: [],
};

function explain(thrown: unknown): never {
  const error = FlameError.from(thrown);
  if (error.code !== "unimplemented") throw error;
  throw new FlameError(
    "unimplemented",
    "this session manager cannot cancel tasks: it does not serve flame.sessions.v1; nothing was cancelled, wait until the tasks have ended",
    { cause: error },
  );
}

function inParts(taskIds: readonly string[]): string[][] {
  const parts: string[][] = [];
  for (let at = 0; at < taskIds.length; at += taskIdsMax)
    parts.push(taskIds.slice(at, at + taskIdsMax));
  return parts;
}

function add(sum: CancelResult, reply: CancelResponse): CancelResult {
  return {
    cancelled: sum.cancelled + Number(reply.cancelled),
    ended: sum.ended + Number(reply.ended),
    over: sum.over + Number(reply.over),
    running: Number(reply.running),
    closed: reply.closed,
    busyNodes: [...new Set([...sum.busyNodes, ...reply.busyNodes])],
  };
}
