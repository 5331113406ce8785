import type { Completion as EndedLease, NodeWork, ReadyExecutor } from "../../core/node-work.ts";
import type { WarmApplication } from "../../executors/node-book.ts";
import { FlameError } from "../../model/errors.ts";
import { parseTaskId } from "../../model/task.ts";
import { applicationSpecToWire } from "../../protocol/application-wire.ts";
import type {
  Completion,
  Ready,
  Warm,
  WorkRequest,
} from "../../protocol/generated/flame/stream/v1/nodes.ts";

/** More leases than this are handed to one executor by nobody, whatever it says that it takes. */
export const creditMax = 1024;
/** Of so many sessions that one task waits for each is served as one that is waited for; further ones as any other. */
const awaitedMax = 256;

/**
 * What a message of a node says; undefined when it says nothing beside its hello.
 * @throws FlameError invalid_argument when it names no executor, or a task that cannot be.
 */
export function workFromWire(message: WorkRequest): NodeWork | undefined {
  const { ready, completions, returns, awaits } = message;
  if (ready.length + completions.length + returns.length + awaits.length === 0) return undefined;
  checkExecutors("ready", ready);
  checkExecutors("completions", completions);
  checkExecutors("returns", returns);
  checkExecutors("awaits", awaits);
  return {
    ready: ready.map(readyFromWire),
    completions: completions.map(completionFromWire),
    returns: returns.map(({ executorId, leases, begun }) =>
      begun === "" ? { executorId, leases } : { executorId, leases, begun },
    ),
    awaits: awaits.map(({ executorId, lease, sessionIds }) => ({
      executorId,
      lease,
      sessionIds: sessionIds.slice(0, awaitedMax),
    })),
  };
}

function checkExecutors(field: string, entries: readonly { readonly executorId: string }[]): void {
  const at = entries.findIndex(({ executorId }) => executorId === "");
  if (at === -1) return;
  throw new FlameError(
    "invalid_argument",
    `Work: ${field}[${at}].executor_id is empty: expected the id of an executor of this node`,
  );
}

function readyFromWire({ executorId, credit, opens, held, entered }: Ready): ReadyExecutor {
  return {
    executorId,
    credit: Math.min(credit, creditMax),
    ...(entered !== "" && { entered }),
    ...(opens && {
      held: held.map(({ lease, sessionId, taskId }) => ({
        lease,
        sessionId,
        taskId: parseTaskId(taskId),
      })),
    }),
  };
}

function completionFromWire({
  executorId,
  lease,
  returnCode,
  output,
  message,
}: Completion): EndedLease {
  const outcome = {
    returnCode,
    ...(output !== undefined && { output }),
    ...(message !== undefined && { message }),
  };
  return { executorId, lease, outcome };
}

/** What a service process is not made of does not travel. */
export function warmToWire(applications: readonly WarmApplication[]): Warm {
  return {
    applications: applications.map(({ application: { name, revision, spec }, count }) => {
      const whole = applicationSpecToWire(spec);
      const needed = { ...whole, description: undefined, labels: [], schema: undefined };
      return { name, revision, spec: needed, count };
    }),
  };
}
