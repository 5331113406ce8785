import type { ApplicationRemoval, ApplicationRevision } from "../model/application.ts";
import type { Change } from "../model/change.ts";
import { FlameError } from "../model/errors.ts";
import type { SessionKey } from "../model/session.ts";
import type { NumberSpan, SubmitRange } from "../model/submits.ts";
import type { TaskKey, TaskRecord } from "../model/task.ts";
import { MemoryTables } from "./memory-tables.ts";
import type { PayloadKind, Store, StoredState, StoreRoom } from "./store.ts";

/** Storage `none`: everything is lost with the process. Also what the simulation crashes and restarts on. */
export class MemoryStore implements Store {
  readonly startNumber = 1;
  readonly #tables: MemoryTables;

  /** @param tables what it holds, for who looks at that beside it */
  constructor(tables = new MemoryTables()) {
    this.#tables = tables;
  }

  async load(): Promise<StoredState> {
    return this.#tables.load();
  }

  commit(changes: readonly Change[]): Promise<void> {
    for (const change of changes) this.#tables.apply(change);
    return Promise.resolve();
  }

  room(): Promise<StoreRoom | undefined> {
    return Promise.resolve(undefined);
  }

  /** Memory takes everything. */
  tryWrite(): Promise<void> {
    return Promise.resolve();
  }

  /** What was deleted is gone. */
  giveBack(): Promise<void> {
    return Promise.resolve();
  }

  async readRevisions(name: string): Promise<readonly ApplicationRevision[]> {
    return this.#tables.revisions(name);
  }

  async readRevision(name: string, revision: number): Promise<ApplicationRevision | undefined> {
    return this.#tables.revisions(name).find((one) => one.revision === revision);
  }

  async readRemovals(name: string): Promise<readonly ApplicationRemoval[]> {
    return this.#tables.removals(name);
  }

  async readTask(session: SessionKey, taskId: number): Promise<TaskRecord | undefined> {
    return this.#isThere(session) ? this.#tables.task(session.id, taskId) : undefined;
  }

  async readTasks(
    session: SessionKey,
    afterId: number,
    limit: number,
  ): Promise<readonly TaskRecord[] | undefined> {
    return this.#isThere(session) ? this.#tables.tasks(session.id, afterId, limit) : undefined;
  }

  async readPayloads(
    tasks: readonly TaskKey[],
    kind: PayloadKind,
  ): Promise<readonly (Buffer | undefined)[]> {
    return tasks.map(({ sessionId, id, creationTime }) =>
      this.#tables.task(sessionId, id)?.creationTime === creationTime
        ? this.#tables.payload(sessionId, id, kind)
        : undefined,
    );
  }

  async readCommonData(sessions: readonly SessionKey[]): Promise<readonly (Buffer | undefined)[]> {
    return sessions.map((session) =>
      this.#isThere(session) ? this.#tables.commonData(session.id) : undefined,
    );
  }

  async readSubmits(
    session: SessionKey,
    producer: string,
    within?: NumberSpan,
  ): Promise<readonly SubmitRange[] | undefined> {
    if (!this.#isThere(session)) return undefined;
    const all = this.#tables.submits(session.id, producer);
    if (within === undefined) return all;
    const end = within.first + within.count;
    return all.filter(({ first, count }) => first < end && first + count > within.first);
  }

  forgotten(sessionId: string): number {
    return this.#tables.forgotten(sessionId);
  }

  async forgetFinished(
    sessionId: string,
    most: number,
    isHeld: (taskId: number) => boolean,
  ): Promise<boolean> {
    return this.#tables.forgetFinished(sessionId, most, isHeld);
  }

  isLeaving(): boolean {
    return false;
  }

  cleanUp(): Promise<boolean> {
    return Promise.resolve(false);
  }

  backup(): Promise<void> {
    const text = "cluster.storage is none: there is no database to back up";
    return Promise.reject(new FlameError("invalid_state", text));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #isThere({ id, creationTime }: SessionKey): boolean {
    return this.#tables.session(id)?.creationTime === creationTime;
  }
}
