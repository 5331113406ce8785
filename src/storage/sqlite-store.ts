import { dirname } from "node:path";
import SqliteDatabase, { type Database, type Statement } from "better-sqlite3";
import { makeFolderDurably } from "../files/durable.ts";
import { startStopwatch } from "../kit/stopwatch.ts";
import { textOf } from "../kit/thrown.ts";
import type { ApplicationRevision } from "../model/application.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";
import type { Change } from "../model/change.ts";
import { FlameError } from "../model/errors.ts";
import type { TaskRecord } from "../model/task.ts";
import { closeToOthers } from "../process/private-files.ts";
import { databaseLock, realFile } from "./database-lock.ts";
import { checkIfSmall, damagedText, isDamage } from "./integrity.ts";
import type { LifeLock, LockOwner } from "./life-lock.ts";
import { migrate } from "./migrate.ts";
import { refuseCutRestore } from "./restoring-mark.ts";
import { reusedRows } from "./reused-row.ts";
import { SqliteDeletion } from "./sqlite-deletion.ts";
import { SqliteForgetting } from "./sqlite-forgetting.ts";
import { busyTimeoutMs, passingRefusal, SqliteRoom } from "./sqlite-room.ts";
import {
  type ApplicationRow,
  countsOf,
  type ExecutorRow,
  executorOf,
  type NodeRow,
  nodeOf,
  type RevisionRow,
  readApplications,
  revisionOf,
  type SessionRow,
  sessionReader,
  type TaskRow,
  taskColumns,
  taskOf,
} from "./sqlite-rows.ts";
import { SqliteWriter } from "./sqlite-writer.ts";
import { StartMark } from "./start-mark.ts";
import type { PayloadKind, Store, StoredSession, StoredState, StoreRoom } from "./store.ts";

export interface SqliteStoreOptions {
  /** The database file; made, with its folder, when it is missing. */
  readonly file: string;
  /** Folder of the `NNNN_name.sql` migrations. */
  readonly migrationsFolder: string;
  /** The last step of the manifest pipeline: fills defaults and freezes. */
  readonly fillDefaults: (manifest: ApplicationManifestSpec) => ApplicationSpec;
  /** Unix milliseconds, written beside each migration that is applied. */
  readonly now: number;
  /** Whom the database is locked for, until the store is closed. @default this process, without a name */
  readonly owner?: LockOwner;
  /** Learns how long each COMMIT took, its fsync included, in seconds. */
  readonly onSynced?: (seconds: number) => void;
}

const revisionParts =
  "r.revision, r.revision_time, r.origin, r.author, r.cause, r.restored, r.forced, r.manifest";

/** Pages copied between two looks at the other work: a few milliseconds. */
const backupPagesAtOnce = 512;

/** Pages that are given back to the file system at once: a millisecond or two of work. */
const pagesGivenBackMax = 256;

/** Pages in the log from which on a commit folds them into the database: a hot page is then written there once for many. */
const logPagesFolded = 2_000;

/** What the log may keep on disk after a commit that was larger, in bytes. */
const logBytesMax = 64 * 1024 * 1024;

/** The embedded database: WAL with `synchronous=FULL`, so a resolved commit survives a power cut. */
export class SqliteStore implements Store {
  /** The database when it is so large that its integrity is to be checked beside serving; undefined when it was checked. */
  readonly unchecked: string | undefined;
  readonly #database: Database;
  readonly #lock: LifeLock;
  readonly #fillDefaults: SqliteStoreOptions["fillDefaults"];
  readonly #writer: SqliteWriter;
  readonly #room: SqliteRoom;
  readonly #selectRevisions;
  readonly #selectRevision;
  readonly #selectTask;
  readonly #selectTasks;
  readonly #selectInput;
  readonly #selectOutput;
  readonly #selectCommonData;
  /** While the database is still ours. */
  readonly #transaction: (work: () => void) => void;
  readonly #deletion: SqliteDeletion;
  readonly #forgetting: SqliteForgetting;

  /**
   * @throws FlameError invalid_config naming the file when it can not be opened, or is newer than this program;
   *   already_exists naming who uses it.
   */
  constructor(options: SqliteStoreOptions) {
    this.#fillDefaults = options.fillDefaults;
    const { database, lock, mark, unchecked } = open(options);
    this.unchecked = unchecked;
    this.#database = database;
    this.#lock = lock;
    this.#forgetting = new SqliteForgetting(this.#database);
    this.#deletion = new SqliteDeletion(this.#database, (id) => this.#forgetting.drop(id));
    this.#writer = new SqliteWriter(this.#database, this.#deletion);
    this.#room = new SqliteRoom(this.#database, database.name);
    const db = this.#database;
    const revisions = `SELECT r.name, ${revisionParts} FROM application_revisions r WHERE r.name = ?`;
    this.#selectRevisions = db.prepare<[string], RevisionRow>(
      `${revisions} ORDER BY r.revision DESC`,
    );
    this.#selectRevision = db.prepare<[string, number], RevisionRow>(
      `${revisions} AND r.revision = ?`,
    );
    this.#selectTask = db.prepare<[string, number], TaskRow>(
      `SELECT ${taskColumns} FROM tasks WHERE session_id = ? AND id = ?`,
    );
    this.#selectTasks = db.prepare<[string, number, number], TaskRow>(
      `SELECT ${taskColumns} FROM tasks WHERE session_id = ? AND id > ? ORDER BY id LIMIT ?`,
    );
    this.#selectInput = selectPayload(db, "input");
    this.#selectOutput = selectPayload(db, "output");
    this.#selectCommonData = db.prepare<[string], { data: Buffer }>(
      "SELECT data FROM session_common_data WHERE session_id = ?",
    );
    const transaction = timedTransaction(db, options.onSynced);
    this.#transaction = (work) => {
      transaction(() => {
        mark.check();
        this.#deletion.begin();
        work();
      });
    };
  }

  readRevisions(name: string): readonly ApplicationRevision[] {
    return this.#selectRevisions.all(name).map(revisionOf);
  }

  readRevision(name: string, revision: number): ApplicationRevision | undefined {
    const row = this.#selectRevision.get(name, revision);
    return row === undefined ? undefined : revisionOf(row);
  }

  load(): Promise<StoredState> {
    const db = this.#database;
    this.#deletion.load();
    this.#forgetting.load();
    const revisionColumns = `a.name, a.state, a.creation_time, a.last_seeded, a.owner, a.created_by, a.field_owners, ${revisionParts}`;
    const applications = db.prepare<[], ApplicationRow>(
      `SELECT ${revisionColumns} FROM applications a
         JOIN application_revisions r ON r.name = a.name AND r.revision = a.revision ORDER BY a.name`,
    );
    const pinned = db
      .prepare<[], ApplicationRow>(
        `SELECT DISTINCT ${revisionColumns} FROM sessions s JOIN applications a ON a.name = s.application
         JOIN application_revisions r ON r.name = s.application AND r.revision = s.application_revision
         WHERE s.state = 'Open' AND s.application_revision <> a.revision`,
      )
      .all();
    return Promise.resolve({
      ...readApplications(applications.iterate(), this.#fillDefaults),
      pinnedRevisions: readApplications(pinned, this.#fillDefaults).applications,
      sessions: this.#loadSessions(),
      openTasks: db
        .prepare<[], TaskRow>(
          `SELECT ${taskColumns} FROM tasks WHERE state IN ('Pending', 'Running')
             AND session_id NOT IN (SELECT id FROM sessions WHERE state = 'Deleted') ORDER BY session_id, id`,
        )
        .all()
        .map(taskOf),
      executors: db
        .prepare<[], ExecutorRow>("SELECT * FROM executors ORDER BY id")
        .all()
        .map(executorOf),
      nodes: db.prepare<[], NodeRow>("SELECT * FROM nodes ORDER BY name").all().map(nodeOf),
    });
  }

  commit(changes: readonly Change[]): Promise<void> {
    try {
      this.#transaction(() => {
        for (const change of changes) this.#writer.apply(change);
      });
      return Promise.resolve();
    } catch (cause) {
      if (cause instanceof FlameError) return Promise.reject(cause);
      const reason = cause instanceof Error ? cause.message : String(cause);
      return Promise.reject(
        new FlameError(
          passingRefusal(cause) ?? "internal",
          `writing ${changes.length} changes to ${this.#database.name} failed: ${reason}`,
          { cause },
        ),
      );
    }
  }

  room(): StoreRoom {
    return this.#room.look();
  }

  tryWrite(): void {
    try {
      this.#room.tryWrite();
    } catch (cause) {
      const code = passingRefusal(cause) ?? "internal";
      const text = `writing to ${this.#database.name} failed: ${textOf(cause)}`;
      throw new FlameError(code, text, { cause });
    }
  }

  giveBack(): void {
    this.#room.giveBack();
  }

  readTask(sessionId: string, taskId: number): TaskRecord | undefined {
    const row = this.isLeaving(sessionId) ? undefined : this.#selectTask.get(sessionId, taskId);
    return row === undefined ? undefined : taskOf(row);
  }

  readTasks(sessionId: string, afterId: number, limit: number): readonly TaskRecord[] {
    if (this.isLeaving(sessionId)) return [];
    return this.#selectTasks.all(sessionId, afterId, limit).map(taskOf);
  }

  readPayload(sessionId: string, taskId: number, kind: PayloadKind): Buffer | undefined {
    if (this.isLeaving(sessionId)) return undefined;
    const select = kind === "input" ? this.#selectInput : this.#selectOutput;
    return select.get(sessionId, taskId) ?? undefined;
  }

  readCommonData(sessionId: string): Buffer | undefined {
    if (this.isLeaving(sessionId)) return undefined;
    return this.#selectCommonData.get(sessionId)?.data;
  }

  forgotten(sessionId: string): number {
    return this.#forgetting.count(sessionId);
  }

  forgetFinished(
    sessionId: string,
    most: number,
    isHeld: (taskId: number) => boolean,
  ): Promise<boolean> {
    return this.#deleting(() => {
      let piece: ReturnType<SqliteForgetting["piece"]> | undefined;
      this.#transaction(() => {
        if (!this.isLeaving(sessionId)) piece = this.#forgetting.piece(sessionId, most, isHeld);
      });
      piece?.done();
      return piece?.isVain ?? true;
    });
  }

  async backup(file: string): Promise<void> {
    await this.#database.backup(file, { progress: () => backupPagesAtOnce });
  }

  close(): Promise<void> {
    this.#database.close();
    this.#lock.release();
    return Promise.resolve();
  }

  isLeaving(sessionId: string): boolean {
    return this.#deletion.isLeaving(sessionId);
  }

  cleanUp(wanted?: string): Promise<boolean> {
    return this.#deleting(() => this.#cleanUp(wanted));
  }

  #deleting(work: () => boolean): Promise<boolean> {
    try {
      return Promise.resolve(work());
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const text = `deleting from ${this.#database.name} failed: ${reason}`;
      return Promise.reject(new FlameError("internal", text, { cause }));
    }
  }

  /** First what deleted sessions left, then the pages that this made free: the file becomes smaller. */
  #cleanUp(wanted: string | undefined): boolean {
    if (!this.#deletion.isIdle) {
      this.#transaction(() => {
        this.#deletion.piece(wanted);
      });
      return true;
    }
    this.#database.pragma(`incremental_vacuum(${pagesGivenBackMax})`);
    return this.#database.pragma("freelist_count", { simple: true }) !== 0;
  }

  #loadSessions(): StoredSession[] {
    const statement = this.#database.prepare<[]>(
      `SELECT s.*, c.pending, c.running, c.succeed, c.failed, c.cancelled, c.last_task_id
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

interface Opened {
  readonly database: Database;
  readonly lock: LifeLock;
  readonly mark: StartMark;
  readonly unchecked: string | undefined;
}

function open(options: SqliteStoreOptions): Opened {
  const { now, owner = { program: "a program of Flame" } } = options;
  let { file } = options;
  let lock: LifeLock | undefined;
  let database: Database | undefined;
  try {
    makeFolderDurably(dirname(file));
    file = realFile(file);
    lock = databaseLock(file, owner, now);
    refuseCutRestore(file);
    // Earlier versions made it readable to everybody; what SQLite makes beside it gets the same mode.
    for (const end of ["", "-wal", "-shm"]) closeToOthers(`${file}${end}`, 0o600);
    database = new SqliteDatabase(file);
    database.pragma(`busy_timeout = ${busyTimeoutMs}`);
    // Takes effect in an empty database only, so before anything is written.
    database.pragma("auto_vacuum = INCREMENTAL");
    database.pragma("journal_mode = WAL");
    // WAL alone defaults to NORMAL, which can lose acknowledged commits on a power cut.
    database.pragma("synchronous = FULL");
    database.pragma(`wal_autocheckpoint = ${logPagesFolded}`);
    database.pragma(`journal_size_limit = ${logBytesMax}`);
    const isChecked = checkIfSmall(database);
    // A migration may make a table anew, and what refers to it must not go with the old one.
    database.pragma("foreign_keys = OFF");
    migrate(database, options.migrationsFolder, file, now);
    database.pragma("foreign_keys = ON");
    const mark = new StartMark(database, owner, now);
    return { database, lock, mark, unchecked: isChecked ? undefined : file };
  } catch (cause) {
    database?.close();
    lock?.release();
    if (cause instanceof FlameError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FlameError("invalid_config", `${refusal(file, cause)}: ${reason}`, { cause });
  }
}

/** Reads a payload from where it stands; NULL when there is none. */
function selectPayload(
  db: Database,
  kind: PayloadKind,
): Statement<[string, number], Buffer | null> {
  return db
    .prepare<[string, number], Buffer | null>(
      `SELECT coalesce(t.${kind}, (SELECT p.data FROM task_payloads p
         WHERE p.session_id = t.session_id AND p.task_id = t.id AND p.kind = '${kind}'))
       FROM tasks t WHERE t.session_id = ? AND t.id = ?`,
    )
    .pluck();
}

/** `work` in one transaction; its COMMIT is timed apart from its statements. */
function timedTransaction(
  db: Database,
  onSynced: (seconds: number) => void = () => undefined,
): (work: () => void) => void {
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  const rollback = db.prepare("ROLLBACK");
  return (work) => {
    begin.run();
    try {
      work();
      const syncing = startStopwatch();
      commit.run();
      onSynced(syncing());
    } catch (thrown) {
      // SQLite ends some transactions by itself, such as when the disk is full.
      if (db.inTransaction) rollback.run();
      throw thrown;
    }
  };
}

function refusal(file: string, cause: unknown): string {
  if (isDamage(cause)) return damagedText(file);
  return `cannot open the database ${file}; check cluster.storage, its folder's permissions and free space`;
}
