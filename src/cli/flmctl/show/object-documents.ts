import type {
  Application,
  EventInfo,
  Executor,
  Node,
  SessionInfo,
  Task,
} from "../../../client/index.ts";
import type { ApplicationManifestSpec } from "../../../model/application-spec.ts";
import type { Resources } from "../../../model/resources.ts";
import { unixSeconds } from "../../output/times.ts";

/** The manifest of an application: what `register -f` takes. */
export interface ManifestDocument {
  readonly metadata: { readonly name: string };
  readonly spec: ApplicationManifestSpec;
}

/** An application as it could be registered again: no state, no times. */
export function manifestDocument(app: Application): ManifestDocument {
  return { metadata: { name: app.name }, spec: app.spec };
}

export function applicationDocument(
  app: Application,
): ManifestDocument & { readonly status: object } {
  return {
    ...manifestDocument(app),
    status: { state: app.state, creation_time: unixSeconds(app.creationTime) },
  };
}

/** A session in the published order of keys; `tasks` are given where they belong to the answer. */
export function sessionDocument(
  session: SessionInfo,
  tasks?: readonly Task[],
  revision?: number,
): object {
  return {
    id: session.id,
    application: session.application,
    common_data: textOrNull(session.commonData),
    creation_time: unixSeconds(session.creationTime),
    state: session.state,
    pending: session.pending,
    running: session.running,
    succeed: session.succeed,
    failed: session.failed,
    events: session.events.map(eventDocument),
    ...(tasks === undefined ? {} : { tasks: tasks.map(taskDocument) }),
    priority: session.priority,
    resreq: resourcesDocument(session.resreq),
    // Ours, behind the published keys.
    cancelled: session.cancelled,
    forgotten: session.forgotten,
    min_instances: session.minInstances,
    max_instances: session.maxInstances ?? null,
    ...(session.packages === undefined ? {} : { packages: session.packages }),
    ...(revision === undefined ? {} : { application_revision: revision }),
  };
}

export function taskDocument(task: Task): object {
  return {
    id: task.id,
    ssn_id: task.sessionId,
    state: task.state,
    ...(task.deadline === undefined ? {} : { deadline: unixSeconds(task.deadline) }),
    input: textOrNull(task.input),
    output: textOrNull(task.output),
    events: task.events.map(eventDocument),
  };
}

export function executorDocument(executor: Executor): object {
  return {
    id: executor.id,
    state: executor.state,
    session: executor.sessionId ?? null,
    node: executor.node,
    resreq: resourcesDocument(executor.resreq),
  };
}

export function nodeDocument(node: Node): object {
  return {
    name: node.name,
    hostname: node.hostname,
    state: node.state,
    capacity: resourcesDocument(node.capacity),
    allocatable: resourcesDocument(node.allocatable),
    info: { arch: node.arch, os: node.os },
    ...(node.warning !== undefined && { warning: node.warning }),
  };
}

function eventDocument(event: EventInfo): object {
  return { code: event.code, message: event.message, creation_time: unixSeconds(event.time) };
}

function resourcesDocument(resources: Resources | undefined): object | null {
  if (resources === undefined) return null;
  return { cpu: resources.cpu, memory: resources.memory, gpu: resources.gpu };
}

// Bytes that are no UTF-8 show as replacement characters, as published.
function textOrNull(bytes: Buffer | undefined): string | null {
  return bytes === undefined ? null : bytes.toString("utf8");
}
