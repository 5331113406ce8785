import type {
  ApplicationRecord,
  ApplicationRemoval,
  ApplicationRevision,
} from "../model/application.ts";
import type { Change } from "../model/change.ts";
import type { ExecutorRecord } from "../model/executor.ts";
import type { NodeRecord } from "../model/node.ts";
import type { SessionKey, SessionRecord, TaskCounts } from "../model/session.ts";
import type { NumberSpan, SubmitRange } from "../model/submits.ts";
import type { TaskKey, TaskRecord } from "../model/task.ts";

/** What the core starts from: everything but terminal tasks and payloads, which are read when asked for. */
export interface StoredState {
  readonly applications: readonly ApplicationRecord[];
  /** Characters of their manifests as JSON, in sum. */
  readonly manifestChars: number;
  /** Revisions that open sessions are pinned to and that are no longer the present ones. */
  readonly pinnedRevisions: readonly ApplicationRecord[];
  readonly sessions: readonly StoredSession[];
  /** Pending and Running tasks, by session and ascending id. */
  readonly openTasks: readonly TaskRecord[];
  /** Of open sessions; those of one producer ascending. */
  readonly submits: readonly SubmitRange[];
  readonly executors: readonly ExecutorRecord[];
  readonly nodes: readonly NodeRecord[];
}

export interface StoredSession {
  readonly record: SessionRecord;
  /** As the core last said it (`session.counts`). */
  readonly counts: TaskCounts;
  /** The highest task id ever given in the session; 0 when it has no task. */
  readonly lastTaskId: number;
}

/** Latest revisions of an application that are kept, besides those that sessions are pinned to. */
export const revisionsKept = 100;

/** Latest removals that are kept of each name, and of all names together. */
export const removalsKept = { ofName: 20, ofAll: 10_000 } as const;

/** What the store takes, and what it still may. */
export interface StoreRoom {
  /** The file or folder that people know it by. */
  readonly place: string;
  /** What the data take, in bytes; what was deleted does not count. */
  readonly usedBytes: number;
  /** What its file system still holds when everything that was committed has found its final place, in bytes. */
  readonly freeBytes: number;
  /** Of the file system. */
  readonly totalBytes: number;
}

export type PayloadKind = "input" | "output";

/**
 * The only door to disk. One suite (test/unit/storage) holds every implementation to these words.
 * A read sees exactly what the last commit that had resolved left; a long one is divided, and may see in its later pieces what
 * was committed meanwhile. What is named by a key is absent once it was deleted, also when another bears its id.
 */
export interface Store {
  /** Counts the starts on what it holds: what is numbered within a start is named by both. */
  readonly startNumber: number;

  /** Reads the state that the core starts from. */
  load(): Promise<StoredState>;

  /**
   * Makes all changes durable, in order, or none. When the promise resolves, a crash cannot take them back.
   * @throws FlameError resource_exhausted when the disk is full, unavailable when it cannot be written for the moment:
   *   nothing was changed, and a later commit may well succeed; any other error when nothing more can be trusted. In each
   *   case memory that is ahead of the disk is to be read anew.
   */
  commit(changes: readonly Change[]): Promise<void>;

  /** How much it takes, and may take; undefined when it has no disk. */
  room(): Promise<StoreRoom | undefined>;

  /** Writes something that nobody reads. @throws as {@link commit} */
  tryWrite(): Promise<void>;

  /** Gives a piece of what was deleted back to the file system. Does what it can on a disk that is full. */
  giveBack(): Promise<void>;

  /** The revisions of an application that are kept, the latest first; none for an unknown name. */
  readRevisions(name: string): Promise<readonly ApplicationRevision[]>;

  /** One revision of an application; undefined when it never was, or is no longer kept. */
  readRevision(name: string, revision: number): Promise<ApplicationRevision | undefined>;

  /** When applications of a name were unregistered and by whom, as far as it is kept, the latest first. */
  readRemovals(name: string): Promise<readonly ApplicationRemoval[]>;

  /** The task, terminal or not; undefined when there is none. */
  readTask(session: SessionKey, taskId: number): Promise<TaskRecord | undefined>;

  /** Tasks of a session with an id above `afterId`, ascending, at most `limit`; undefined when the session is not there. */
  readTasks(
    session: SessionKey,
    afterId: number,
    limit: number,
  ): Promise<readonly TaskRecord[] | undefined>;

  /** Payload bytes of tasks, in the order in which they were asked for; undefined when absent. */
  readPayloads(
    tasks: readonly TaskKey[],
    kind: PayloadKind,
  ): Promise<readonly (Buffer | undefined)[]>;

  /** Common data of sessions, in the order in which they were asked for; undefined when absent. */
  readCommonData(sessions: readonly SessionKey[]): Promise<readonly (Buffer | undefined)[]>;

  /**
   * What a producer has submitted to a session, ascending; none for an unknown one, undefined when the session is not there:
   * who asks has to tell what was never a task from what is a task no more.
   * @param within only ranges that have one of these numbers
   */
  readSubmits(
    session: SessionKey,
    producer: string,
    within?: NumberSpan,
  ): Promise<readonly SubmitRange[] | undefined>;

  /** Known without a read: how many finished tasks of a session are not kept any more, though counted; 0 for an unknown one. */
  forgotten(sessionId: string): number;

  /**
   * Forgets finished tasks of a session with their payloads, those that ended first: `most` of them, or fewer that are
   * large. It looks at a bounded number of tasks, so there may be more to forget than it finds.
   * @param isHeld tasks that are not to go now
   * @returns whether it has come to the end and found nothing on the way; the next look begins at the start
   */
  forgetFinished(
    sessionId: string,
    most: number,
    isHeld: (taskId: number) => boolean,
  ): Promise<boolean>;

  /** Known without a read: whether a deleted session of that id still takes room; a new one of the id is better made later. */
  isLeaving(sessionId: string): boolean;

  /**
   * Takes a bounded piece of what deleted sessions left from the medium, of the session `wanted` first.
   * @returns whether there is more to do.
   */
  cleanUp(wanted?: string): Promise<boolean>;

  /**
   * Writes a consistent copy of everything that was committed into a new file, while the store is in use.
   * @throws FlameError invalid_state when there is nothing on disk to copy.
   */
  backup(file: string): Promise<void>;

  close(): Promise<void>;
}
