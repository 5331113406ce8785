import type { Assignment, HeldLease } from "../../protocol/generated/flame/stream/v1/nodes.ts";

export const leaseOf = ({ lease }: Assignment): string => lease;

/** What a session manager is told of a lease that is here. */
export function heldLease({ lease, sessionId, taskId }: HeldLease): HeldLease {
  return { lease, sessionId, taskId };
}
