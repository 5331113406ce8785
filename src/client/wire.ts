import { FlameError } from "../model/errors.ts";
import { checkInstances } from "../model/instances.ts";
import type { NodeState } from "../model/node.ts";
import type { Resources } from "../model/resources.ts";
import type { SessionState } from "../model/session.ts";
import type { TaskState } from "../model/task.ts";
import type * as pb from "../protocol/generated/flame/v1/types.ts";
import type {
  EventInfo,
  Executor,
  ExecutorState,
  Node,
  SessionInfo,
  SessionSpec,
  Task,
} from "./types.ts";

/** A state's place in its list is its number on the wire (docs/protocol.md, "Messages"). */
const sessionStates: readonly SessionState[] = ["Open", "Closed"];
export const taskStates: readonly TaskState[] = [
  "Pending",
  "Running",
  "Succeed",
  "Failed",
  "Cancelled",
];
const nodeStates: readonly NodeState[] = ["Unknown", "Ready", "NotReady"];
const executorStates: readonly ExecutorState[] = [
  "Unknown",
  "Void",
  "Idle",
  "Binding",
  "Bound",
  "Unbinding",
  "Releasing",
  "Released",
];

export function decodeSession(session: pb.Session): SessionInfo {
  const spec = required(session.spec, "Session.spec");
  const status = required(session.status, "Session.status");
  return {
    id: required(session.metadata, "Session.metadata").id,
    application: spec.application,
    state: named(sessionStates, status.state, "Session.status.state"),
    ...present({
      commonData: spec.commonData,
      maxInstances: spec.maxInstances,
      resreq: spec.resreq && decodeResources(spec.resreq),
      packages: spec.packages?.entries.length === 0 ? undefined : spec.packages?.entries,
      completionTime: optionalDate(status.completionTime),
    }),
    minInstances: spec.minInstances,
    priority: spec.priority,
    creationTime: toDate(status.creationTime),
    pending: status.pending,
    running: status.running,
    succeed: status.succeed,
    failed: status.failed,
    cancelled: status.cancelled,
    forgotten: status.forgotten ?? 0,
    events: status.events.map(decodeEvent),
  };
}

/** @throws FlameError invalid_argument for bounds of instances with which no task could run */
export function encodeSessionSpec(spec: SessionSpec): pb.SessionSpec {
  checkInstances(spec, { min: "minInstances", max: "maxInstances" });
  return {
    application: spec.application,
    commonData: spec.commonData && toBuffer(spec.commonData),
    minInstances: spec.minInstances ?? 0,
    maxInstances: spec.maxInstances,
    batchSize: 1,
    priority: spec.priority ?? 0,
    resreq: spec.resreq && {
      cpu: BigInt(spec.resreq.cpu),
      memory: BigInt(spec.resreq.memory),
      gpu: spec.resreq.gpu,
    },
    packages: spec.packages && { entries: [...spec.packages] },
  };
}

export function decodeTask(task: pb.Task): Task {
  const spec = required(task.spec, "Task.spec");
  const status = required(task.status, "Task.status");
  return {
    id: required(task.metadata, "Task.metadata").id,
    sessionId: spec.sessionId,
    state: named(taskStates, status.state, "Task.status.state"),
    ...present({
      input: spec.input,
      output: spec.output,
      completionTime: optionalDate(status.completionTime),
      deadline: optionalDate(status.deadline),
    }),
    creationTime: toDate(status.creationTime),
    events: status.events.map(decodeEvent),
  };
}

export function decodeExecutor(executor: pb.Executor): Executor {
  const spec = required(executor.spec, "Executor.spec");
  const status = required(executor.status, "Executor.status");
  return {
    id: required(executor.metadata, "Executor.metadata").id,
    node: spec.node,
    state: named(executorStates, status.state, "Executor.status.state"),
    ...present({
      resreq: spec.resreq && decodeResources(spec.resreq),
      sessionId: status.sessionId,
    }),
  };
}

export function decodeNode(node: pb.Node): Node {
  const status = required(node.status, "Node.status");
  const name = required(node.metadata, "Node.metadata").name;
  return {
    name,
    hostname: node.spec?.hostname ?? name,
    state: named(nodeStates, status.state, "Node.status.state"),
    capacity: decodeResources(status.capacity),
    allocatable: decodeResources(status.allocatable),
    arch: status.info?.arch ?? "",
    os: status.info?.os ?? "",
    ...present({ warning: status.warning }),
  };
}

/** The bytes as a Buffer over the same memory: nothing is copied. */
export function toBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Unix milliseconds of the wire as a Date. */
export function toDate(milliseconds: bigint): Date {
  return new Date(Number(milliseconds));
}

/** The name at `index`, or an error that says which field held a number we do not know. */
export function named<T>(names: readonly T[], index: number, field: string): T {
  const name = names[index];
  if (name === undefined) {
    throw new FlameError(
      "internal",
      `the server's answer is not understood: ${field} is ${index}, expected 0 to ${names.length - 1}; is the server newer than this client?`,
    );
  }
  return name;
}

/** The value, or an error that names the field the server left out. */
export function required<T>(value: T | undefined, field: string): T {
  if (value === undefined) {
    throw new FlameError("internal", `the server's answer is not understood: ${field} is missing`);
  }
  return value;
}

/** Drops keys whose value is undefined, so that absent stays absent. */
export function present<T extends object>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function decodeEvent(event: pb.Event): EventInfo {
  return { code: event.code, message: event.message ?? "", time: toDate(event.creationTime) };
}

function decodeResources(resources: pb.ResourceRequirement | undefined): Resources {
  return {
    cpu: Number(resources?.cpu ?? 0n),
    memory: Number(resources?.memory ?? 0n),
    gpu: resources?.gpu ?? 0,
  };
}

function optionalDate(milliseconds: bigint | undefined): Date | undefined {
  return milliseconds === undefined ? undefined : toDate(milliseconds);
}
