import type { ApplicationRecord } from "../../../src/model/application.ts";
import type { ApplicationSpec } from "../../../src/model/application-spec.ts";
import type { Change } from "../../../src/model/change.ts";
import {
  noTasks,
  type SessionKey,
  type SessionRecord,
  type TaskCounts,
} from "../../../src/model/session.ts";
import type { TaskKey, TaskRecord } from "../../../src/model/task.ts";
import type { PayloadKind, Store } from "../../../src/storage/store.ts";

// What the suite of the stores writes: records with what a test says.

export const spec: ApplicationSpec = {
  shim: "Host",
  labels: [],
  arguments: [],
  environments: {},
  max_instances: 1_000_000,
  delay_release: 60,
  max_crashes: 5,
  max_lost_nodes: 10,
};
export const application = (
  revision: number,
  extra: Partial<ApplicationRecord> = {},
): ApplicationRecord => ({
  name: "my-app",
  state: "Enabled",
  creationTime: 1000,
  revision,
  revisionTime: 1000 + revision,
  origin: "api",
  author: "anonymous (test)",
  cause: { kind: "register" },
  fieldOwners: { command: { origin: "api", author: "anonymous (test)" } },
  manifest: { command: `/bin/v${revision}` },
  spec: { ...spec, command: `/bin/v${revision}` },
  ...extra,
});
export const session = (extra: Partial<SessionRecord> = {}): SessionRecord => ({
  id: "my-app-1",
  application: "my-app",
  applicationRevision: 1,
  state: "Open",
  creationTime: 2000,
  resreq: { cpu: 1, memory: 1024, gpu: 0 },
  minInstances: 0,
  priority: 3,
  owner: "anonymous",
  events: [],
  ...extra,
});
export const task = (id: number, extra: Partial<TaskRecord> = {}): TaskRecord => ({
  sessionId: "my-app-1",
  id,
  state: "Pending",
  creationTime: 3000 + id,
  attempt: 0,
  crashes: 0,
  lostNodes: 0,
  term: 0,
  events: [{ code: 0, message: "created", creationTime: 3000 + id }],
  ...extra,
});

export const counted = (counts: Partial<TaskCounts>, lastTaskId: number): Change => ({
  kind: "session.counts",
  id: "my-app-1",
  counts: { ...noTasks(), ...counts },
  lastTaskId,
});

/** Of the session that {@link session} makes. */
export const mine: SessionKey = { id: "my-app-1", creationTime: 2000 };

/** A payload of a task that {@link task} makes. */
export async function payloadOf(
  store: Store,
  id: number,
  kind: PayloadKind,
  key: Partial<TaskKey> = {},
): Promise<Buffer | undefined> {
  const asked = { sessionId: "my-app-1", id, creationTime: 3000 + id, ...key };
  return (await store.readPayloads([asked], kind))[0];
}

export async function commonDataOf(store: Store): Promise<Buffer | undefined> {
  return (await store.readCommonData([mine]))[0];
}
