import { FlameError } from "../model/errors.ts";
import type { QuotaLimit } from "../model/quota.ts";
import type { SessionRecord } from "../model/session.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { CoreState } from "./state.ts";

// docs/security.md, 38: what one identity may have open. Counts are kept by the sessions (sessions/owner-book.ts).

/** Sessions live long: to ask more often is of no use. */
const retrySessionMs = 5_000;
/** Some hundred tasks later. */
const retryTaskMs = 1_000;

/** @throws FlameError resource_exhausted when the identity that is to own the session may not have it as well */
export function checkSessionQuota(state: CoreState, record: SessionRecord): void {
  const tally = state.sessions.owners.of(record.ownerId);
  if (tally === undefined) return;
  const { maxOpenSessions, maxOpenBytes } = tally.limits;
  const what = `session ${record.id} was not created: ${record.owner}`;
  if (maxOpenSessions !== undefined && tally.sessions >= maxOpenSessions.max)
    throw refusal({
      used: `${what} has ${tally.sessions} open sessions`,
      limit: maxOpenSessions,
      remedy: "close some",
      retryAfterMs: retrySessionMs,
    });
  checkBytes(what, maxOpenBytes, tally.bytes, {
    bytes: record.commonDataBytes ?? 0,
    kind: "common data",
    retryAfterMs: retrySessionMs,
  });
}

/** @throws FlameError resource_exhausted when the identity that owns the session may not have another open task */
export function checkTaskQuota({ owner, record }: SessionEntry, inputBytes: number): void {
  if (owner === undefined) return;
  const { maxOpenTasks, maxOpenBytes } = owner.limits;
  const what = `the task was not created: ${record.owner}, who owns session ${record.id},`;
  if (maxOpenTasks !== undefined && owner.tasks >= maxOpenTasks.max)
    throw refusal({
      used: `${what} has ${owner.tasks} open tasks`,
      limit: maxOpenTasks,
      remedy: "wait until some have ended",
      retryAfterMs: retryTaskMs,
    });
  checkBytes(what, maxOpenBytes, owner.bytes, {
    bytes: inputBytes,
    kind: "input",
    retryAfterMs: retryTaskMs,
  });
}

interface More {
  readonly bytes: number;
  readonly kind: "input" | "common data";
  readonly retryAfterMs: number;
}

function checkBytes(what: string, limit: QuotaLimit | undefined, used: number, more: More): void {
  if (limit === undefined || used + more.bytes <= limit.max) return;
  const fitsAlone = more.bytes <= limit.max;
  throw refusal({
    used:
      `${what} has ${used} bytes in the inputs of open tasks and the common data of open sessions, ` +
      `and this ${more.kind} has ${more.bytes}`,
    limit,
    remedy: fitsAlone
      ? "wait until some tasks have ended, or close sessions"
      : "put what is large into the object cache",
    // What never fits need not come again.
    ...(fitsAlone && { retryAfterMs: more.retryAfterMs }),
  });
}

interface Refusal {
  readonly used: string;
  readonly limit: QuotaLimit;
  readonly remedy: string;
  readonly retryAfterMs?: number;
}

function refusal({ used, limit, remedy, retryAfterMs }: Refusal): FlameError {
  return new FlameError(
    "resource_exhausted",
    `${used}; the quota is ${limit.max} (${limit.key}): ${remedy}, or ask an administrator for more (docs/security.md, 38)`,
    { ...(retryAfterMs !== undefined && { retryAfterMs }) },
  );
}
