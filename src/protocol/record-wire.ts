import type { ApplicationRecord } from "../model/application.ts";
import type { FlameEvent } from "../model/event.ts";
import type { ExecutorRecord, ExecutorState, Shim } from "../model/executor.ts";
import {
  checkedNodeFact,
  checkNodeName,
  type NodeRecord,
  type NodeReport,
  type NodeState,
} from "../model/node.ts";
import { checkedResources, type Resources } from "../model/resources.ts";
import type { SessionState, SessionView } from "../model/session.ts";
import type { TaskRecord, TaskState } from "../model/task.ts";
import { applicationSpecToWire } from "./application-wire.ts";
import type * as wire from "./generated/flame/v1/types.ts";

// Records of the machine as the messages of flame.v1 (docs/protocol.md, "Messages").
// The tables do not compile when a state is added and not mapped.

const sessionStates = { Open: 0, Closed: 1 } as const satisfies Record<
  SessionState,
  wire.SessionState
>;
const taskStates = {
  Pending: 0,
  Running: 1,
  Succeed: 2,
  Failed: 3,
  Cancelled: 4,
} as const satisfies Record<TaskState, wire.TaskState>;
const nodeStates = { Unknown: 0, Ready: 1, NotReady: 2 } as const satisfies Record<
  NodeState,
  wire.NodeState
>;
const executorStates = {
  Void: 1,
  Idle: 2,
  Binding: 3,
  Bound: 4,
  Unbinding: 5,
  Releasing: 6,
} as const satisfies Record<ExecutorState, wire.ExecutorState>;
const executorReleased: wire.ExecutorState = 7;
const shims = { Host: 0, Wasm: 1 } as const satisfies Record<Shim, wire.Shim>;

/** Unknown shim numbers count as Host, as in the published server. */
export function shimFromWire(shim: wire.Shim): Shim {
  return shim === shims.Wasm ? "Wasm" : "Host";
}

export function applicationToWire(record: ApplicationRecord): wire.Application {
  return {
    metadata: { id: record.name, name: record.name },
    spec: applicationSpecToWire(record.spec),
    status: {
      state: record.state === "Enabled" ? 0 : 1,
      creationTime: BigInt(record.creationTime),
    },
  };
}

/** `commonData` is left out by callers that would pass the receiver's limit with it. */
export function sessionToWire(
  { record, counts }: SessionView,
  commonData: Buffer | undefined,
  forgotten = 0,
): wire.Session {
  return {
    metadata: { id: record.id, name: record.id },
    spec: {
      application: record.application,
      commonData,
      minInstances: record.minInstances,
      maxInstances: record.maxInstances,
      batchSize: 1,
      priority: record.priority,
      resreq: resourcesToWire(record.resreq),
      packages: record.packages && { entries: [...record.packages] },
    },
    status: {
      state: sessionStates[record.state],
      creationTime: BigInt(record.creationTime),
      completionTime:
        record.completionTime === undefined ? undefined : BigInt(record.completionTime),
      pending: counts.pending,
      running: counts.running,
      succeed: counts.succeed,
      failed: counts.failed,
      cancelled: counts.cancelled,
      forgotten: forgotten === 0 ? undefined : forgotten,
      events: record.events.map(eventToWire),
    },
  };
}

export function taskToWire(
  record: TaskRecord,
  input: Buffer | undefined,
  output: Buffer | undefined,
): wire.Task {
  const id = String(record.id);
  return {
    metadata: { id, name: id },
    spec: { sessionId: record.sessionId, input, output, timeout: undefined },
    status: {
      state: taskStates[record.state],
      creationTime: BigInt(record.creationTime),
      completionTime:
        record.completionTime === undefined ? undefined : BigInt(record.completionTime),
      events: record.events.map(eventToWire),
      deadline: record.deadline === undefined ? undefined : BigInt(record.deadline),
    },
  };
}

export function executorToWire(record: ExecutorRecord, released = false): wire.Executor {
  return {
    metadata: { id: record.id, name: record.id },
    spec: { node: record.node, resreq: resourcesToWire(record.resreq), shim: shims[record.shim] },
    status: {
      state: released ? executorReleased : executorStates[record.state],
      sessionId: record.sessionId,
    },
  };
}

/** @param warning what an operator should know of the node */
export function nodeToWire(record: NodeRecord, warning?: string): wire.Node {
  return {
    metadata: { id: record.name, name: record.name },
    spec: { hostname: record.name },
    status: {
      state: nodeStates[record.state],
      capacity: resourcesToWire(record.capacity),
      allocatable: resourcesToWire(record.allocatable),
      info: { arch: record.arch, os: record.os },
      addresses: [],
      lastHeartbeatTime: BigInt(Math.floor(record.lastHeartbeat / 1000)),
      warning,
    },
  };
}

/**
 * What a node says of itself; sub-messages that it left out stay absent.
 * @throws FlameError invalid_argument for a name or for resources that cannot be.
 */
export function nodeReportFromWire(name: string, status: wire.NodeStatus | undefined): NodeReport {
  checkNodeName(name);
  return {
    name,
    ...(status?.capacity !== undefined && {
      capacity: checkedResources(status.capacity, "capacity"),
    }),
    ...(status?.allocatable !== undefined && {
      allocatable: checkedResources(status.allocatable, "allocatable"),
    }),
    ...(status?.info !== undefined && {
      arch: checkedNodeFact(status.info.arch, "arch"),
      os: checkedNodeFact(status.info.os, "os"),
    }),
  };
}

/** The name of an executor state on the wire; `Unknown` and `Released` have no record of their own. */
export function executorStateName(state: wire.ExecutorState): string {
  const known = Object.entries(executorStates).find(([, number]) => number === state);
  return known?.[0] ?? (state === executorReleased ? "Released" : "Unknown");
}

function resourcesToWire(resources: Resources): wire.ResourceRequirement {
  return { cpu: BigInt(resources.cpu), memory: BigInt(resources.memory), gpu: resources.gpu };
}

function eventToWire(event: FlameEvent): wire.Event {
  return { code: event.code, message: event.message, creationTime: BigInt(event.creationTime) };
}
