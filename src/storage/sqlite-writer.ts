import type { ApplicationRecord } from "../model/application.ts";
import type { Change } from "../model/change.ts";
import { CommitBatch } from "./commit-batch.ts";
import { eventsText } from "./event-text.ts";
import { mergeTaskChanges } from "./merge-task-changes.ts";
import type { SqliteDeletion } from "./sqlite-deletion.ts";
import { removalsKept, revisionsKept } from "./store.ts";
import { fieldOwnersText } from "./stored-rows.ts";

type Of<K extends Change["kind"]> = Extract<Change, { kind: K }>;

/** Payloads up to this size stand in the task's row, which both of them leave on its page, in bytes. */
export const smallPayloadBytesMax = 384;

function isSmall(payload: Buffer | undefined): payload is Buffer {
  return payload !== undefined && payload.length <= smallPayloadBytesMax;
}

/** Says in SQL what changes are, for the thread that commits. */
export class SqliteWriter {
  readonly #deletion: SqliteDeletion;
  #batch = new CommitBatch();

  constructor(deletion: SqliteDeletion) {
    this.#deletion = deletion;
  }

  /** All changes as one batch, in their order; a task that changed more than once is written once. */
  write(changes: readonly Change[]): CommitBatch {
    this.#batch = new CommitBatch();
    for (const change of mergeTaskChanges(changes)) this.#apply(change);
    return this.#batch;
  }

  #apply(change: Change): void {
    const batch = this.#batch;
    switch (change.kind) {
      case "task.put":
        this.#putTask(change);
        return;
      case "executor.put": {
        const { id, node, resreq, shim, state, sessionId } = change.record;
        batch.run(
          "putExecutor",
          id,
          node,
          resreq.cpu,
          resreq.memory,
          resreq.gpu,
          shim,
          state,
          sessionId ?? null,
        );
        return;
      }
      case "executor.delete":
        batch.run("deleteExecutor", change.id);
        return;
      case "session.put":
        this.#putSession(change);
        return;
      case "session.delete":
        this.#deletion.delete(change.id, batch);
        return;
      case "sessions.objectsDeleted":
        for (const id of change.ids) batch.run("noteObjectsDeleted", id);
        return;
      case "session.counts":
        this.#putCounts(change);
        return;
      case "submits.put":
        this.#putSubmits(change);
        return;
      case "tasks.cancel":
        batch.run("cancelTasks", change.time, change.sessionId);
        return;
      case "application.put":
        this.#putApplication(change.record);
        return;
      case "application.delete":
        this.#deleteApplication(change);
        return;
      case "node.put":
        this.#putNode(change);
        return;
      case "node.delete":
        batch.run("deleteNode", change.name);
        return;
      default:
        change satisfies never;
    }
  }

  #putSubmits({ range }: Of<"submits.put">): void {
    const { sessionId, producer, first, firstTask, count } = range;
    this.#batch.run("putSubmits", sessionId, producer, first, firstTask, count);
  }

  #putNode({ record }: Of<"node.put">): void {
    this.#batch.run(
      "putNode",
      record.name,
      record.state,
      JSON.stringify(record.capacity),
      JSON.stringify(record.allocatable),
      record.arch,
      record.os,
      record.shim ?? null,
      record.lastHeartbeat,
      record.instance ?? null,
      record.address ?? null,
      record.owner ?? null,
    );
  }

  #putTask({ record, input, output }: Of<"task.put">): void {
    const batch = this.#batch;
    batch.run(
      "putTask",
      record.sessionId,
      record.id,
      record.state,
      record.creationTime,
      record.completionTime ?? null,
      record.inputBytes ?? null,
      record.outputBytes ?? null,
      record.attempt,
      record.crashes,
      record.lostNodes,
      record.executorId ?? null,
      eventsText(record.events),
      isSmall(input) ? input : null,
      isSmall(output) ? output : null,
      record.term,
      record.deadline ?? null,
    );
    if (input !== undefined && !isSmall(input))
      batch.run("putPayload", record.sessionId, record.id, "input", input);
    if (output !== undefined && !isSmall(output))
      batch.run("putPayload", record.sessionId, record.id, "output", output);
  }

  #putSession({ record, commonData }: Of<"session.put">): void {
    const batch = this.#batch;
    this.#deletion.finish(record.id, batch);
    batch.run(
      "putSession",
      record.id,
      record.application,
      record.applicationRevision,
      record.state,
      record.creationTime,
      record.completionTime ?? null,
      record.resreq.cpu,
      record.resreq.memory,
      record.resreq.gpu,
      record.minInstances,
      record.maxInstances ?? null,
      record.priority,
      record.owner,
      record.commonDataBytes ?? null,
      record.clients === undefined ? null : JSON.stringify(record.clients),
      eventsText(record.events),
      record.packages === undefined ? null : JSON.stringify(record.packages),
      record.ownerId ?? null,
    );
    if (commonData !== undefined) batch.run("putCommonData", record.id, commonData);
  }

  #putCounts({ id, counts, lastTaskId }: Of<"session.counts">): void {
    const { pending, running, succeed, failed, cancelled } = counts;
    this.#batch.run("putCounts", id, pending, running, succeed, failed, cancelled, lastTaskId);
  }

  #putApplication(record: ApplicationRecord): void {
    const batch = this.#batch;
    const lastSeeded = record.lastSeeded === undefined ? null : JSON.stringify(record.lastSeeded);
    batch.run(
      "putApplication",
      record.name,
      record.state,
      record.creationTime,
      record.revision,
      lastSeeded,
      record.owner ?? null,
      record.createdBy ?? null,
      fieldOwnersText(record.fieldOwners),
      record.removedBy ?? null,
    );
    this.#putRevision(record);
    batch.run("pruneRevisions", record.name, record.revision - revisionsKept, record.name);
  }

  #deleteApplication({ name, removal }: Of<"application.delete">): void {
    const batch = this.#batch;
    batch.run("deleteApplication", name);
    batch.run("putRemoval", name, removal.time, removal.author, removal.revision);
    batch.run("pruneRemovals", name, name, removalsKept.ofName);
    batch.run("pruneAllRemovals", removalsKept.ofAll);
  }

  /** A revision never changes: it is written once, and found as it was whenever its application is written again. */
  #putRevision(record: ApplicationRecord): void {
    const batch = this.#batch;
    const row = [
      record.name,
      record.revision,
      record.revisionTime,
      record.origin,
      record.author,
      record.cause.kind,
      record.cause.restored ?? null,
      record.cause.forced === true ? 1 : 0,
      JSON.stringify(record.manifest),
    ];
    batch.run("putRevision", ...row);
    batch.mustFind(
      "findRevision",
      `revision ${record.revision} of application "${record.name}" is stored already, and is another one`,
      ...row,
    );
  }
}
