import type {
  ApplicationOrigin,
  ApplicationRecord,
  ApplicationRemoval,
  ApplicationRevision,
  ApplicationState,
  FieldOwner,
  FieldOwners,
  RevisionCause,
} from "../model/application.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";
import type { FlameEvent } from "../model/event.ts";
import type { ExecutorRecord, ExecutorState, Shim } from "../model/executor.ts";
import type { NodeRecord, NodeState } from "../model/node.ts";
import { type Resources, sameResources } from "../model/resources.ts";
import type { SessionRecord, SessionState, TaskCounts } from "../model/session.ts";
import type { SubmitRange } from "../model/submits.ts";
import type { TaskRecord, TaskState } from "../model/task.ts";
import { eventsOf } from "./event-text.ts";
import type { StoredState } from "./store.ts";

const noEvents: readonly FlameEvent[] = Object.freeze([]);

// Rows as the databases give them, and how they become records. Only columns that are NULL become absent.

export interface ApplicationRow {
  name: string;
  state: string;
  creation_time: number;
  revision: number;
  revision_time: number;
  origin: string;
  author: string;
  cause: string;
  restored: number | null;
  forced: number;
  manifest: string;
  owner: string | null;
  created_by: string | null;
  field_owners: string;
  last_seeded: string | null;
  removed_by: string | null;
}

/** A row of application_removals, but for its name. */
export type RemovalRow = ApplicationRemoval;

/** What there is of an application beside its present revision. */
export const applicationColumns =
  "a.name, a.state, a.creation_time, a.last_seeded, a.owner, a.created_by, a.field_owners, a.removed_by";

/** What a revision is made of, beside the name of its application. */
export const revisionColumns =
  "r.revision, r.revision_time, r.origin, r.author, r.cause, r.restored, r.forced, r.manifest";

export type RevisionRow = Omit<
  ApplicationRow,
  "state" | "creation_time" | "owner" | "created_by" | "field_owners" | "last_seeded" | "removed_by"
>;

export interface SessionRow {
  id: string;
  application: string;
  application_revision: number;
  state: string;
  creation_time: number;
  completion_time: number | null;
  cpu: number;
  memory: number;
  gpu: number;
  min_instances: number;
  max_instances: number | null;
  priority: number;
  owner: string;
  common_data_bytes: number | null;
  framed: number;
  /** JSON array of strings; NULL: the session stays until it is closed. */
  clients: string | null;
  /** JSON array of strings; NULL: none. */
  packages: string | null;
  owner_id: string | null;
  events: string;
  objects_deleted: number;
  /** NULL, like those below: the session has had no task. */
  pending: number | null;
  running: number | null;
  succeed: number | null;
  failed: number | null;
  cancelled: number | null;
  last_task_id: number | null;
}

export interface TaskRow {
  session_id: string;
  id: number;
  state: string;
  creation_time: number;
  completion_time: number | null;
  input_bytes: number | null;
  output_bytes: number | null;
  attempt: number;
  crashes: number;
  lost_nodes: number;
  executor_id: string | null;
  events: string;
  term: number;
  deadline: number | null;
}

export interface ExecutorRow {
  id: string;
  node: string;
  cpu: number;
  memory: number;
  gpu: number;
  shim: string;
  state: string;
  session_id: string | null;
}

export interface NodeRow {
  name: string;
  state: string;
  capacity: string;
  allocatable: string;
  arch: string;
  os: string;
  shim: string | null;
  last_heartbeat: number;
  instance: string | null;
  address: string | null;
  owner: string | null;
}

export interface SubmitRow {
  session_id: string;
  producer: string;
  first_number: number;
  first_task: number;
  count: number;
}

export function rangeOf(row: SubmitRow): SubmitRange {
  return {
    sessionId: row.session_id,
    producer: row.producer,
    first: row.first_number,
    firstTask: row.first_task,
    count: row.count,
  };
}

export function revisionOf(row: RevisionRow): ApplicationRevision {
  return {
    name: row.name,
    revision: row.revision,
    revisionTime: row.revision_time,
    origin: row.origin as ApplicationOrigin,
    author: row.author,
    cause: causeOf(row),
    manifest: JSON.parse(row.manifest) as ApplicationManifestSpec,
  };
}

function causeOf({ cause, restored, forced }: RevisionRow): RevisionCause {
  const kind = cause as RevisionCause["kind"];
  if (restored === null && forced === 0) return { kind };
  return { kind, ...(restored !== null && { restored }), ...(forced !== 0 && { forced: true }) };
}

/** Row by row: thousands of them are there, and each is garbage as soon as it is a record. */
export function readApplications(
  rows: Iterable<ApplicationRow>,
  fillDefaults: (manifest: ApplicationManifestSpec) => ApplicationSpec,
): Pick<StoredState, "applications"> & { readonly manifestChars: number } {
  const owners = new Map<string, FieldOwners>();
  const applications: ApplicationRecord[] = [];
  let manifestChars = 0;
  for (const row of rows) {
    applications.push(applicationOf(row, fillDefaults, owners));
    // As it was written, so as long as the same document is again.
    manifestChars += row.manifest.length;
  }
  return { applications, manifestChars };
}

/** @param owners those that were read already, by their text: applications of one author have the same */
function applicationOf(
  row: ApplicationRow,
  fillDefaults: (manifest: ApplicationManifestSpec) => ApplicationSpec,
  owners: Map<string, FieldOwners>,
): ApplicationRecord {
  const manifest = JSON.parse(row.manifest) as ApplicationManifestSpec;
  // Written out: copies of parts cost as much as all the rest, and a start reads thousands.
  const record: Writable<ApplicationRecord> = {
    name: row.name,
    revision: row.revision,
    revisionTime: row.revision_time,
    origin: row.origin as ApplicationOrigin,
    author: row.author,
    cause: causeOf(row),
    manifest,
    state: row.state as ApplicationState,
    creationTime: row.creation_time,
    fieldOwners: fieldOwnersOf(row.field_owners, owners),
    spec: fillDefaults(manifest),
  };
  if (row.owner !== null) record.owner = row.owner;
  if (row.created_by !== null) record.createdBy = row.created_by;
  if (row.removed_by !== null) record.removedBy = row.removed_by;
  if (row.last_seeded !== null) {
    record.lastSeeded = JSON.parse(row.last_seeded) as ApplicationManifestSpec;
  }
  return record;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Owners as a compact JSON array of `[origin, author, paths]`: one entry for all fields that one author set. */
export function fieldOwnersText(owners: FieldOwners): string {
  const groups = new Map<string, [string, string, string[]]>();
  for (const [path, { origin, author }] of Object.entries(owners)) {
    const key = `${origin} ${author}`;
    const group = groups.get(key) ?? [origin, author, []];
    groups.set(key, group);
    group[2].push(path);
  }
  return JSON.stringify([...groups.values()]);
}

function fieldOwnersOf(text: string, known: Map<string, FieldOwners>): FieldOwners {
  const before = known.get(text);
  if (before !== undefined) return before;
  const owners: Record<string, FieldOwner> = {};
  for (const [origin, author, paths] of JSON.parse(text) as [
    ApplicationOrigin,
    string,
    string[],
  ][]) {
    const owner = { origin, author };
    for (const path of paths) owners[path] = owner;
  }
  known.set(text, Object.freeze(owners));
  return owners;
}

/** Reads sessions of which many are alike: what is equal in them is one thing in memory. */
export function sessionReader(): (row: SessionRow) => SessionRecord {
  const texts = new Map<string, string>();
  const shared = (text: string): string => {
    const known = texts.get(text);
    if (known === undefined) texts.set(text, text);
    return known ?? text;
  };
  let before: Resources = { cpu: 0, memory: 0, gpu: 0 };
  return (row) => {
    if (!sameResources(before, row)) before = resourcesOf(row);
    // Written out, as applications are.
    const record: Writable<SessionRecord> = {
      id: row.id,
      application: shared(row.application),
      applicationRevision: row.application_revision,
      state: shared(row.state) as SessionState,
      creationTime: row.creation_time,
      resreq: before,
      minInstances: row.min_instances,
      priority: row.priority,
      owner: shared(row.owner),
      events: row.events === "[]" ? noEvents : eventsOf(row.events),
    };
    if (row.completion_time !== null) record.completionTime = row.completion_time;
    if (row.max_instances !== null) record.maxInstances = row.max_instances;
    if (row.common_data_bytes !== null) record.commonDataBytes = row.common_data_bytes;
    if (row.framed !== 0) record.framed = true;
    if (row.clients !== null) record.clients = JSON.parse(row.clients) as string[];
    if (row.packages !== null) record.packages = JSON.parse(row.packages) as string[];
    if (row.owner_id !== null) record.ownerId = shared(row.owner_id);
    if (row.objects_deleted !== 0) record.objectsDeleted = true;
    return record;
  };
}

/** What a {@link TaskRow} is made of: not the payloads that stand beside it. */
export const taskColumns =
  "session_id, id, state, creation_time, completion_time, input_bytes, output_bytes, attempt, crashes, lost_nodes, executor_id, events, term, deadline";

/** Reads tasks of which very many may be alike, as a long queue is: what is equal in neighbours is one thing in memory. */
export function taskReader(): (row: TaskRow) => TaskRecord {
  let session = "";
  let state = "";
  let text = "[]";
  let events: readonly FlameEvent[] = noEvents;
  return (row) => {
    if (row.session_id !== session) session = row.session_id;
    if (row.state !== state) state = row.state;
    if (row.events !== text) {
      text = row.events;
      events = eventsOf(text);
    }
    // Written out, as applications are.
    const record: Writable<TaskRecord> = {
      sessionId: session,
      id: row.id,
      state: state as TaskState,
      creationTime: row.creation_time,
      attempt: row.attempt,
      crashes: row.crashes,
      lostNodes: row.lost_nodes,
      term: row.term,
      events,
    };
    if (row.completion_time !== null) record.completionTime = row.completion_time;
    if (row.input_bytes !== null) record.inputBytes = row.input_bytes;
    if (row.output_bytes !== null) record.outputBytes = row.output_bytes;
    if (row.executor_id !== null) record.executorId = row.executor_id;
    if (row.deadline !== null) record.deadline = row.deadline;
    return record;
  };
}

export function taskOf(row: TaskRow): TaskRecord {
  return taskReader()(row);
}

export function executorOf(row: ExecutorRow): ExecutorRecord {
  return {
    id: row.id,
    node: row.node,
    resreq: resourcesOf(row),
    shim: row.shim as Shim,
    state: row.state as ExecutorState,
    ...(row.session_id !== null && { sessionId: row.session_id }),
  };
}

export function nodeOf(row: NodeRow): NodeRecord {
  return {
    name: row.name,
    state: row.state as NodeState,
    capacity: JSON.parse(row.capacity) as Resources,
    allocatable: JSON.parse(row.allocatable) as Resources,
    arch: row.arch,
    os: row.os,
    ...(row.shim !== null && { shim: row.shim as Shim }),
    lastHeartbeat: row.last_heartbeat,
    ...(row.instance !== null && { instance: row.instance }),
    ...(row.address !== null && { address: row.address }),
    ...(row.owner !== null && { owner: row.owner }),
  };
}

export function countsOf(row: SessionRow): TaskCounts {
  return {
    pending: row.pending ?? 0,
    running: row.running ?? 0,
    succeed: row.succeed ?? 0,
    failed: row.failed ?? 0,
    cancelled: row.cancelled ?? 0,
  };
}

function resourcesOf(row: { cpu: number; memory: number; gpu: number }): Resources {
  return { cpu: row.cpu, memory: row.memory, gpu: row.gpu };
}
