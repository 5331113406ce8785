import SqliteDatabase, { type Database } from "better-sqlite3";
import { codeOf, textOf } from "../kit/thrown.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";
import type { Change } from "../model/change.ts";
import { FlameError } from "../model/errors.ts";
import { frameMark } from "../model/frame.ts";
import type { TaskRecord } from "../model/task.ts";
import { CommitBatch } from "./commit-batch.ts";
import { type CommitReply, CommitThread } from "./commit-thread.ts";
import type { LifeLock } from "./life-lock.ts";
import { LogFolding } from "./log-folding.ts";
import { OneByOne } from "./one-by-one.ts";
import { commitPragmas, type OpenOptions, openDatabase } from "./open-database.ts";
import { reusedRows } from "./reused-row.ts";
import { Snapshot } from "./snapshot.ts";
import { SqliteDeletion } from "./sqlite-deletion.ts";
import { SqliteForgetting } from "./sqlite-forgetting.ts";
import { SqliteReads } from "./sqlite-reads.ts";
import { passingRefusal, SqliteRoom } from "./sqlite-room.ts";
import type { SqliteSubmits } from "./sqlite-submits.ts";
import { SqliteWriter } from "./sqlite-writer.ts";
import type { StartMark } from "./start-mark.ts";
import type { Store, StoredSession, StoredState, StoreRoom } from "./store.ts";
import {
  type ApplicationRow,
  applicationColumns,
  countsOf,
  type ExecutorRow,
  executorOf,
  type NodeRow,
  nodeOf,
  readApplications,
  revisionColumns,
  type SessionRow,
  sessionReader,
  type TaskRow,
  taskColumns,
  taskReader,
} from "./stored-rows.ts";

export interface SqliteStoreOptions extends OpenOptions {
  /** The last step of the manifest pipeline: fills defaults and freezes. */
  readonly fillDefaults: (manifest: ApplicationManifestSpec) => ApplicationSpec;
  /** Learns how long each COMMIT took, its fsync included, in seconds. */
  readonly onSynced?: (seconds: number) => void;
}

/** Pages copied between two looks at the other work: a few milliseconds. */
const backupPagesAtOnce = 512;

/** Pages that are given back to the file system at once: a millisecond or two of work. */
const pagesGivenBackMax = 256;

/** The embedded database: WAL with `synchronous=FULL`, so a resolved commit survives a power cut. */
export class SqliteStore implements Store {
  /** The database when it is so large that its integrity is to be checked beside serving; undefined when it was checked. */
  readonly unchecked: string | undefined;
  readonly startNumber: number;
  readonly readRevisions: Store["readRevisions"];
  readonly readRevision: Store["readRevision"];
  readonly readRemovals: Store["readRemovals"];
  readonly readTask: Store["readTask"];
  readonly readTasks: Store["readTasks"];
  readonly readPayloads: Store["readPayloads"];
  readonly readCommonData: Store["readCommonData"];
  readonly readSubmits: Store["readSubmits"];
  readonly #database: Database;
  readonly #lock: LifeLock;
  readonly #fillDefaults: SqliteStoreOptions["fillDefaults"];
  readonly #writer: SqliteWriter;
  readonly #mark: StartMark;
  readonly #onSynced: (seconds: number) => void;
  readonly #thread: CommitThread;
  readonly #folding: LogFolding;
  readonly #snapshot: Snapshot;
  readonly #turns = new OneByOne();
  readonly #submits: SqliteSubmits;
  readonly #room: SqliteRoom;
  readonly #deletion: SqliteDeletion;
  readonly #forgetting: SqliteForgetting;

  /**
   * @throws FlameError invalid_config naming the file when it cannot be opened, or is newer than this program;
   *   already_exists naming who uses it.
   */
  constructor(options: SqliteStoreOptions) {
    this.#fillDefaults = options.fillDefaults;
    const { database, lock, mark, unchecked } = openDatabase(options);
    this.unchecked = unchecked;
    this.startNumber = mark.number;
    this.#database = database;
    this.#lock = lock;
    this.#forgetting = new SqliteForgetting(this.#database);
    this.#deletion = new SqliteDeletion(this.#database, (id) => this.#forgetting.drop(id));
    this.#writer = new SqliteWriter(this.#deletion);
    this.#mark = mark;
    this.#onSynced = options.onSynced ?? (() => undefined);
    const thread = {
      file: database.name,
      startId: mark.id,
      pragmas: ["foreign_keys = ON", "wal_autocheckpoint = 0", ...commitPragmas],
    };
    this.#thread = new CommitThread(thread);
    this.#folding = new LogFolding(thread, () => this.#turns.run(() => this.#thread.checkpoint()));
    this.#snapshot = new Snapshot(database);
    this.#room = new SqliteRoom(database);
    const reads = new SqliteReads(database, (id) => this.isLeaving(id));
    this.#submits = reads.submitRanges;
    this.readRevisions = reads.revisions.bind(reads);
    this.readRevision = reads.revision.bind(reads);
    this.readRemovals = reads.removals.bind(reads);
    this.readTask = reads.task.bind(reads);
    this.readTasks = reads.tasks.bind(reads);
    this.readPayloads = reads.payloads.bind(reads);
    this.readCommonData = reads.commonData.bind(reads);
    this.readSubmits = reads.submits.bind(reads);
  }

  load(): Promise<StoredState> {
    const db = this.#database;
    this.#deletion.load();
    this.#forgetting.load();
    const columns = `${applicationColumns}, ${revisionColumns}`;
    const applications = db.prepare<[], ApplicationRow>(
      `SELECT ${columns} FROM applications a
         JOIN application_revisions r ON r.name = a.name AND r.revision = a.revision ORDER BY a.name`,
    );
    const pinned = db
      .prepare<[], ApplicationRow>(
        `SELECT DISTINCT ${columns} FROM sessions s JOIN applications a ON a.name = s.application
         JOIN application_revisions r ON r.name = s.application AND r.revision = s.application_revision
         WHERE s.state = 'Open' AND s.application_revision <> a.revision`,
      )
      .all();
    return Promise.resolve({
      ...readApplications(applications.iterate(), this.#fillDefaults),
      pinnedRevisions: readApplications(pinned, this.#fillDefaults).applications,
      sessions: this.#loadSessions(),
      openTasks: this.#loadOpenTasks(),
      submits: this.#submits.ofOpenSessions(),
      executors: db
        .prepare<[], ExecutorRow>("SELECT * FROM executors ORDER BY id")
        .all()
        .map(executorOf),
      nodes: db.prepare<[], NodeRow>("SELECT * FROM nodes ORDER BY name").all().map(nodeOf),
    });
  }

  async commit(changes: readonly Change[]): Promise<void> {
    try {
      await this.#turns.run(() => this.#commit(() => this.#writer.write(changes)));
    } catch (cause) {
      if (cause instanceof FlameError) throw cause;
      const code = passingRefusal(cause) ?? "internal";
      const text = `writing ${changes.length} changes to ${this.#database.name} failed: ${textOf(cause)}`;
      throw new FlameError(code, text, { cause });
    }
  }

  /**
   * @param made makes the batch, from what is read as it was before
   * @param settle called once it is durable, before what is there now is read
   */
  async #commit(made: () => CommitBatch, settle = (): void => undefined): Promise<void> {
    await this.#folding.room();
    this.#deletion.begin();
    this.#snapshot.keep();
    try {
      const reply = this.#ours(await this.#thread.commit(made().pack()));
      this.#onSynced(reply.seconds ?? 0);
      this.#deletion.settle();
      settle();
      this.#folding.committed(reply.pages ?? 0);
    } finally {
      this.#deletion.drop();
      this.#snapshot.release();
    }
  }

  /** @throws what is to be thrown when the database is not ours any more */
  #ours(reply: CommitReply): CommitReply {
    if (reply.isForeign !== true) return reply;
    this.#mark.check();
    throw new Error("another one started on it, and is gone again");
  }

  room(): Promise<StoreRoom> {
    return this.#room.look();
  }

  async tryWrite(): Promise<void> {
    try {
      await this.#turns.run(async () => this.#ours(await this.#thread.tryWrite()));
    } catch (cause) {
      if (cause instanceof FlameError) throw cause;
      const code = passingRefusal(cause) ?? "internal";
      const text = `writing to ${this.#database.name} failed: ${textOf(cause)}`;
      throw new FlameError(code, text, { cause });
    }
  }

  async giveBack(): Promise<void> {
    try {
      // Behind the commits: while one is under way reads see what was before it, and the log cannot be emptied.
      await this.#turns.run(async () => {
        await this.#folding.paused();
        this.#ours(await this.#thread.makeRoom());
      });
    } catch (thrown) {
      if (passingRefusal(thrown) === undefined && codeOf(thrown) !== "SQLITE_BUSY") throw thrown;
    }
  }

  forgotten(sessionId: string): number {
    return this.#forgetting.count(sessionId);
  }

  forgetFinished(
    sessionId: string,
    most: number,
    isHeld: (taskId: number) => boolean,
  ): Promise<boolean> {
    return this.#deleting(async () => {
      // Whoever is told of what was committed just now holds what it is about to send first.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.isLeaving(sessionId)) return true;
      let piece: ReturnType<SqliteForgetting["piece"]> | undefined;
      await this.#delete(
        (batch) => {
          piece = this.#forgetting.piece(sessionId, most, isHeld, batch);
        },
        () => piece?.done(),
      );
      return piece?.isVain ?? true;
    });
  }

  async backup(file: string): Promise<void> {
    const reader = new SqliteDatabase(this.#database.name, { readonly: true, fileMustExist: true });
    try {
      // What it sees stays as it is: a copy of what others change meanwhile would begin anew with each commit.
      new Snapshot(reader).keep();
      await reader.backup(file, { progress: () => backupPagesAtOnce });
    } finally {
      reader.close();
    }
  }

  async close(): Promise<void> {
    await this.#turns.run(async () => {
      await this.#folding.close();
      await this.#thread.close();
    });
    this.#database.close();
    this.#lock.release();
  }

  isLeaving(sessionId: string): boolean {
    return this.#deletion.isLeaving(sessionId);
  }

  cleanUp(wanted?: string): Promise<boolean> {
    return this.#deleting(() => this.#cleanUp(wanted));
  }

  async #deleting(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await this.#turns.run(work);
    } catch (cause) {
      const text = `deleting from ${this.#database.name} failed: ${textOf(cause)}`;
      throw new FlameError("internal", text, { cause });
    }
  }

  async #delete(fill: (batch: CommitBatch) => void, settle?: () => void): Promise<void> {
    const made = (): CommitBatch => {
      const batch = new CommitBatch();
      fill(batch);
      return batch;
    };
    await this.#commit(made, settle);
  }

  /** First what deleted sessions left, then the pages that this made free: the file becomes smaller. */
  async #cleanUp(wanted: string | undefined): Promise<boolean> {
    if (!this.#deletion.isIdle) {
      await this.#delete((batch) => this.#deletion.piece(wanted, batch));
      return true;
    }
    const reply = this.#ours(await this.#thread.giveBack(pagesGivenBackMax));
    return (reply.free ?? 0) !== 0;
  }

  #loadOpenTasks(): TaskRecord[] {
    const statement = this.#database.prepare<[]>(
      `SELECT ${taskColumns} FROM tasks WHERE state IN ('Pending', 'Running')
         AND session_id NOT IN (SELECT id FROM sessions WHERE state = 'Deleted') ORDER BY session_id, id`,
    );
    const read = taskReader();
    const tasks: TaskRecord[] = [];
    for (const row of reusedRows<TaskRow>(statement)) tasks.push(read(row));
    return tasks;
  }

  #loadSessions(): StoredSession[] {
    // Of closed ones nobody asks how their common data begins, and there may be many.
    const statement = this.#database.prepare<[]>(
      `SELECT s.*, c.pending, c.running, c.succeed, c.failed, c.cancelled, c.last_task_id,
         s.state = 'Open' AND EXISTS (SELECT 1 FROM session_common_data d WHERE d.session_id = s.id
           AND substr(d.data, 1, ${frameMark.length}) = X'${frameMark.toString("hex")}') AS framed
       FROM sessions s LEFT JOIN session_counts c ON c.session_id = s.id
       WHERE s.state <> 'Deleted' ORDER BY s.creation_time, s.id`,
    );
    const read = sessionReader();
    const sessions: StoredSession[] = [];
    for (const row of reusedRows<SessionRow>(statement)) {
      sessions.push({
        record: read(row),
        counts: countsOf(row),
        lastTaskId: row.last_task_id ?? 0,
      });
    }
    return sessions;
  }
}
