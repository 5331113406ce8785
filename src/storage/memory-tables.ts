import type { ApplicationRecord, ApplicationRemoval } from "../model/application.ts";
import type { Change } from "../model/change.ts";
import type { ExecutorRecord } from "../model/executor.ts";
import type { NodeRecord } from "../model/node.ts";
import { noTasks, type SessionRecord, type TaskCounts } from "../model/session.ts";
import type { SubmitRange } from "../model/submits.ts";
import { isTerminal, type TaskRecord } from "../model/task.ts";
import { type Aged, type Cursor, chooseForgotten, lookedAt } from "./forgetting.ts";
import {
  type PayloadKind,
  removalsKept,
  revisionsKept,
  type StoredSession,
  type StoredState,
} from "./store.ts";

function charsOf(applications: Iterable<ApplicationRecord>): number {
  let chars = 0;
  for (const { manifest } of applications) chars += JSON.stringify(manifest).length;
  return chars;
}

interface MemorySession {
  record: SessionRecord;
  counts: Readonly<TaskCounts>;
  lastTaskId: number;
  /** Of the tasks that are here. */
  highestId: number;
  commonData?: Buffer;
  readonly tasks: Map<number, { record: TaskRecord; input?: Buffer; output?: Buffer }>;
  /** By producer, then by first number. */
  readonly submits: Map<string, Map<number, SubmitRange>>;
  forgotten: number;
  cursor: Cursor;
  /** Ids up to the cursor that are still here, ascending: beyond it hardly any is missing. */
  passed: readonly number[];
}

/** What a memory store holds: exactly what was committed. */
export class MemoryTables {
  readonly #applications = new Map<string, ApplicationRecord>();
  /** By name, then by revision, ascending. */
  readonly #revisions = new Map<string, Map<number, ApplicationRecord>>();
  /** The latest last. */
  #removals: { readonly name: string; readonly removal: ApplicationRemoval }[] = [];
  readonly #sessions = new Map<string, MemorySession>();
  readonly #executors = new Map<string, ExecutorRecord>();
  readonly #nodes = new Map<string, NodeRecord>();

  load(): StoredState {
    const sessions = [...this.#sessions.values()];
    const pinned = new Map<string, ApplicationRecord>();
    for (const { record } of sessions) {
      if (record.state !== "Open") continue;
      const { application, applicationRevision } = record;
      const revision = this.#revisions.get(application)?.get(applicationRevision);
      const present = this.#applications.get(application);
      if (revision !== undefined && present?.revision !== revision.revision)
        pinned.set(`${application}@${applicationRevision}`, revision);
    }
    return {
      applications: [...this.#applications.values()],
      manifestChars: charsOf(this.#applications.values()),
      pinnedRevisions: [...pinned.values()],
      sessions: sessions.map(storedSession),
      openTasks: sessions.flatMap((session) =>
        [...session.tasks.values()]
          .map((task) => task.record)
          .filter((task) => !isTerminal(task.state)),
      ),
      submits: sessions
        .filter(({ record }) => record.state === "Open")
        .flatMap(({ submits }) => [...submits.values()].flatMap((one) => [...one.values()])),
      executors: [...this.#executors.values()],
      nodes: [...this.#nodes.values()],
    };
  }

  revisions(name: string): readonly ApplicationRecord[] {
    return [...(this.#revisions.get(name)?.values() ?? [])].reverse();
  }

  removals(name: string): readonly ApplicationRemoval[] {
    const those = this.#removals.filter((one) => one.name === name);
    return those.map(({ removal }) => removal).reverse();
  }

  session(id: string): SessionRecord | undefined {
    return this.#sessions.get(id)?.record;
  }

  task(sessionId: string, taskId: number): TaskRecord | undefined {
    return this.#sessions.get(sessionId)?.tasks.get(taskId)?.record;
  }

  /** Tasks with an id above `afterId`, ascending. */
  tasks(sessionId: string, afterId = 0, limit = Number.POSITIVE_INFINITY): readonly TaskRecord[] {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return [];
    return recordsOf(session, afterId, Number.POSITIVE_INFINITY, limit);
  }

  payload(sessionId: string, taskId: number, kind: PayloadKind): Buffer | undefined {
    return this.#sessions.get(sessionId)?.tasks.get(taskId)?.[kind];
  }

  commonData(sessionId: string): Buffer | undefined {
    return this.#sessions.get(sessionId)?.commonData;
  }

  submits(sessionId: string, producer: string): readonly SubmitRange[] {
    return [...(this.#sessions.get(sessionId)?.submits.get(producer)?.values() ?? [])];
  }

  forgotten(sessionId: string): number {
    return this.#sessions.get(sessionId)?.forgotten ?? 0;
  }

  /** As {@link Store.forgetFinished}. */
  forgetFinished(sessionId: string, most: number, isHeld: (taskId: number) => boolean): boolean {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return true;
    const { cursor, tasks } = session;
    const limit = lookedAt(most);
    const looked = {
      ahead: recordsOf(session, cursor.through, Number.POSITIVE_INFINITY, limit).map(agedOf),
      behind: recordsOf(session, cursor.behind, cursor.through, limit).map(agedOf),
    };
    const choice = chooseForgotten(cursor, most, looked, isHeld);
    for (const id of choice.ids) tasks.delete(id);
    const passed = session.passed.filter((id) => tasks.has(id));
    for (let id = cursor.through + 1; id <= choice.cursor.through; id++)
      if (tasks.has(id)) passed.push(id);
    session.passed = passed;
    session.forgotten += choice.ids.length;
    session.cursor = choice.cursor;
    return choice.isVain;
  }

  apply(change: Change): void {
    switch (change.kind) {
      case "application.put":
        this.#putApplication(change.record);
        return;
      case "application.delete":
        this.#applications.delete(change.name);
        this.#revisions.delete(change.name);
        this.#addRemoval(change.name, change.removal);
        return;
      case "session.put":
        this.#putSession(change.record, change.commonData);
        return;
      case "session.delete":
        this.#sessions.delete(change.id);
        return;
      case "sessions.objectsDeleted":
        this.#noteObjectsDeleted(change.ids);
        return;
      case "session.counts":
        this.#putCounts(change);
        return;
      case "task.put":
        this.#putTask(change);
        return;
      case "submits.put":
        this.#putSubmits(change.range);
        return;
      case "tasks.cancel":
        this.#cancelTasks(change.sessionId, change.time);
        return;
      case "executor.put":
        this.#executors.set(change.record.id, change.record);
        return;
      case "executor.delete":
        this.#executors.delete(change.id);
        return;
      case "node.put":
        this.#nodes.set(change.record.name, change.record);
        return;
      case "node.delete":
        this.#nodes.delete(change.name);
        return;
      default:
        change satisfies never;
    }
  }

  #putApplication(record: ApplicationRecord): void {
    const { name, revision } = record;
    this.#applications.set(name, record);
    const revisions = this.#revisions.get(name) ?? new Map<number, ApplicationRecord>();
    this.#revisions.set(name, revisions.set(revision, record));
    for (const old of [...revisions.keys()].filter((one) => one <= revision - revisionsKept)) {
      if (!this.#isPinned(name, old)) revisions.delete(old);
    }
  }

  #addRemoval(name: string, removal: ApplicationRemoval): void {
    const { ofName, ofAll } = removalsKept;
    const [old] = this.removals(name).slice(ofName - 1);
    const kept = this.#removals.filter((one) => one.removal !== old);
    this.#removals = [...kept, { name, removal }].slice(-ofAll);
  }

  #isPinned(name: string, revision: number): boolean {
    return [...this.#sessions.values()].some(
      ({ record }) => record.application === name && record.applicationRevision === revision,
    );
  }

  #putSession(record: SessionRecord, commonData: Buffer | undefined): void {
    const session: MemorySession = this.#sessions.get(record.id) ?? {
      record,
      counts: noTasks(),
      lastTaskId: 0,
      highestId: 0,
      tasks: new Map(),
      submits: new Map(),
      forgotten: 0,
      cursor: { through: 0, behind: 0 },
      passed: [],
    };
    session.record = record;
    if (commonData !== undefined) session.commonData = commonData;
    this.#sessions.set(record.id, session);
  }

  #noteObjectsDeleted(ids: readonly string[]): void {
    for (const id of ids) {
      const session = this.#sessions.get(id);
      if (session !== undefined) session.record = { ...session.record, objectsDeleted: true };
    }
  }

  #putCounts({ id, counts, lastTaskId }: Extract<Change, { kind: "session.counts" }>): void {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new Error(`counts of session ${id}: no such session`);
    session.counts = { ...counts };
    session.lastTaskId = lastTaskId;
  }

  #putTask(change: Extract<Change, { kind: "task.put" }>): void {
    const session = this.#sessions.get(change.record.sessionId);
    if (session === undefined) {
      throw new Error(
        `task ${change.record.id} of session ${change.record.sessionId}: no such session`,
      );
    }
    const task = session.tasks.get(change.record.id) ?? { record: change.record };
    task.record = change.record;
    if (change.input !== undefined) task.input = change.input;
    if (change.output !== undefined) task.output = change.output;
    session.tasks.set(change.record.id, task);
    session.highestId = Math.max(session.highestId, change.record.id);
  }

  #putSubmits(range: SubmitRange): void {
    const { sessionId, producer, first } = range;
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw new Error(`submits to session ${sessionId}: no such session`);
    const ranges = session.submits.get(producer) ?? new Map<number, SubmitRange>();
    session.submits.set(producer, ranges.set(first, range));
  }

  #cancelTasks(sessionId: string, time: number): void {
    for (const task of this.#sessions.get(sessionId)?.tasks.values() ?? []) {
      if (task.record.state === "Pending") {
        task.record = { ...task.record, state: "Cancelled", completionTime: time };
      }
    }
  }
}

function storedSession({ record, counts, lastTaskId }: MemorySession): StoredSession {
  return { record, counts: { ...counts }, lastTaskId };
}

/** Tasks with ids above `after` up to `through`, ascending: a page costs as much as it holds, wherever it begins. */
function recordsOf(
  { tasks, passed, cursor, highestId }: MemorySession,
  after: number,
  through: number,
  limit: number,
): TaskRecord[] {
  const found: TaskRecord[] = [];
  const take = (id: number): void => {
    const task = id > after && id <= through ? tasks.get(id) : undefined;
    if (task !== undefined && found.length < limit) found.push(task.record);
  };
  if (after < cursor.through) for (const id of passed) take(id);
  const last = Math.min(highestId, through);
  for (let id = Math.max(after, cursor.through) + 1; id <= last && found.length < limit; id++)
    take(id);
  return found;
}

function agedOf({ id, completionTime, inputBytes = 0, outputBytes = 0 }: TaskRecord): Aged {
  return {
    id,
    bytes: inputBytes + outputBytes,
    ...(completionTime !== undefined && { completionTime }),
  };
}
