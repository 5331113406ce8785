import type { PolicyName } from "../../../src/model/scheduling-policy.ts";
import type {
  Decision,
  ExecutorSupply,
  NodeSupply,
  Schedule,
  SessionDemand,
  Snapshot,
} from "../../../src/scheduler/ports.ts";
import { schedule } from "../../../src/scheduler/schedule.ts";

export const gib = 1024 ** 3;
export const one = { cpu: 1, memory: gib, gpu: 0 };

/** A session that wants `openTasks` executors and has none, unless said otherwise; named ones are older in their order. */
export function session(id: string, given: Partial<SessionDemand> = {}): SessionDemand {
  return {
    id,
    application: "app",
    priority: 0,
    depth: 0,
    creationTime: id.charCodeAt(0),
    resreq: one,
    shim: "Host",
    needsThisMake: false,
    minInstances: 0,
    maxInstances: Number.POSITIVE_INFINITY,
    openTasks: 100,
    held: 0,
    yielding: 0,
    bindAllowance: Number.POSITIVE_INFINITY,
    waiting: [],
    busy: [],
    ...given,
  };
}

/** A session, and its executors. */
export interface Working {
  readonly session: SessionDemand;
  readonly executors: readonly ExecutorSupply[];
}

export function alone(id: string, demand: Partial<SessionDemand> = {}): Working {
  return { session: session(id, demand), executors: [] };
}

/** With so many more executors, which work while more tasks are Pending. */
export function working({ session, executors }: Working, count: number, node = "n1"): Working {
  const more = Array.from({ length: count }, (_, index) =>
    executor(`${session.id}${executors.length + index}`, {
      node,
      resreq: session.resreq,
      use: "held",
    }),
  );
  const busy = [...session.busy, ...more.map(({ id }) => id)];
  return {
    session: { ...session, held: session.held + count, busy },
    executors: [...executors, ...more],
  };
}

export function executor(id: string, given: Partial<ExecutorSupply> = {}): ExecutorSupply {
  return {
    ...{ id, node: "n1", resreq: one, shim: "Host", isOfThisMake: true },
    ...{ use: "idle", yields: false },
    ...given,
  };
}

export function node(name: string, cpu: number, given: Partial<NodeSupply> = {}): NodeSupply {
  return { name, allocatable: { cpu, memory: 64 * gib, gpu: 0 }, isOfThisMake: true, ...given };
}

export function decide(given: Partial<Snapshot>, policies?: readonly PolicyName[]): Schedule {
  return schedule(
    {
      sessions: [],
      executors: [],
      nodes: [node("n1", 4)],
      applicationMax: () => Number.POSITIVE_INFINITY,
      applicationLeaving: () => 0,
      ownerMax: () => Number.POSITIVE_INFINITY,
      ownerLeaving: () => 0,
      executorsPerNodeMax: 128,
      ...given,
    },
    policies,
  );
}

/** How many executors are created for each session, or bound to it. */
export function given(decisions: readonly Decision[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const decision of decisions) {
    if (decision.kind !== "create" && decision.kind !== "bind") continue;
    counts[decision.sessionId] = (counts[decision.sessionId] ?? 0) + 1;
  }
  return counts;
}
