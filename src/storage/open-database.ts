import { dirname } from "node:path";
import SqliteDatabase, { type Database } from "better-sqlite3";
import { makeFolderDurably } from "../files/durable.ts";
import { FlameError } from "../model/errors.ts";
import { closeToOthers } from "../process/private-files.ts";
import { databaseLock, realFile } from "./database-lock.ts";
import { checkIfSmall, damagedText, isDamage } from "./integrity.ts";
import type { LifeLock, LockOwner } from "./life-lock.ts";
import { logPagesFolded } from "./log-folding.ts";
import { migrate } from "./migrate.ts";
import { refuseCutRestore } from "./restoring-mark.ts";
import { busyTimeoutMs } from "./sqlite-room.ts";
import { StartMark } from "./start-mark.ts";

export interface OpenOptions {
  /** The database file; made, with its folder, when it is missing. */
  readonly file: string;
  /** Folder of the `NNNN_name.sql` migrations. */
  readonly migrationsFolder: string;
  /** Unix milliseconds, written beside each migration that is applied. */
  readonly now: number;
  /** Whom the database is locked for, until the store is closed. @default this process, without a name */
  readonly owner?: LockOwner;
}

/** What the log may keep on disk after a commit that was larger, in bytes. */
const logBytesMax = 64 * 1024 * 1024;

/** Said to each connection that writes. */
export const commitPragmas = [
  `busy_timeout = ${busyTimeoutMs}`,
  // WAL alone defaults to NORMAL, which can lose acknowledged commits on a power cut.
  "synchronous = FULL",
  `journal_size_limit = ${logBytesMax}`,
];

interface Opened {
  readonly database: Database;
  readonly lock: LifeLock;
  readonly mark: StartMark;
  readonly unchecked: string | undefined;
}

/**
 * Opens or makes the database, with the lock that keeps others away, at this version's schema, counted as a start.
 * @throws FlameError as {@link SqliteStore}
 */
export function openDatabase(options: OpenOptions): Opened {
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
    for (const pragma of commitPragmas) database.pragma(pragma);
    // Takes effect in an empty database only, so before anything is written.
    database.pragma("auto_vacuum = INCREMENTAL");
    database.pragma("journal_mode = WAL");
    database.pragma(`wal_autocheckpoint = ${logPagesFolded}`);
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

function refusal(file: string, cause: unknown): string {
  if (isDamage(cause)) return damagedText(file);
  return `cannot open the database ${file}; check cluster.storage, its folder's permissions and free space`;
}
