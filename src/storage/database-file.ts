import { existsSync } from "node:fs";
import { chmod, copyFile, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import SqliteDatabase, { type Database } from "better-sqlite3";
import { makeFolderDurably, renameDurably, syncNames } from "../files/durable.ts";
import { isDatabaseFile } from "../files/sqlite-header.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { databaseLock, realFile } from "./database-lock.ts";
import type { LifeLock, LockOwner } from "./life-lock.ts";
import { migrate } from "./migrate.ts";
import { restoringFile } from "./restoring-mark.ts";

/** Writes a consistent copy of a database into a new file, whether a session manager uses it meanwhile or not. */
export async function copyDatabase(from: string, to: string): Promise<void> {
  let database: Database | undefined;
  try {
    database = new SqliteDatabase(from, { readonly: true, fileMustExist: true });
    await database.backup(to);
  } catch (cause) {
    throw new FlameError("internal", `cannot copy the database ${from}: ${textOf(cause)}`, {
      cause,
    });
  } finally {
    database?.close();
  }
}

export interface RestoreOptions {
  /** The backup: a database, as `flmctl backup` writes it or as an earlier restore kept it. */
  readonly from: string;
  /** The database that it takes the place of; need not be there. */
  readonly to: string;
  /** Names what is kept: `<to>.before-restore-<stamp>`. */
  readonly stamp: string;
  readonly migrationsFolder: string;
  readonly owner: LockOwner;
  /** Unix milliseconds. */
  readonly now: number;
}

/** A backup that was found whole, beside the database whose place it can take. */
export interface PreparedRestore {
  /** Puts it in place. @returns where the database is kept that was there; undefined when none was. */
  commit(): Promise<string | undefined>;
  /** Gives the lock back and removes what is left of an attempt. Idempotent. */
  close(): Promise<void>;
}

/** Besides the database itself: what it has not taken in yet, and what only helps to read that. */
const logs = ["-wal", "-journal"];
const sharedMemory = "-shm";

/**
 * Copies a backup beside the database, checks all of it there and brings it to this version's schema. The database itself
 * is locked from now on, and not changed.
 * @throws FlameError already_exists while somebody uses the database or the backup, invalid_argument when the backup is
 *   none or damaged.
 */
export async function prepareRestore(options: RestoreOptions): Promise<PreparedRestore> {
  makeFolderDurably(dirname(options.to));
  const to = realFile(options.to);
  const from = await backupAt(options, to);
  const lock = databaseLock(to, options.owner, options.now);
  const part = `${to}.restore-part`;
  const clear = async (): Promise<void> => {
    for (const end of ["", ...logs, sharedMemory]) await rm(`${part}${end}`, { force: true });
  };
  try {
    await clear();
    for (const end of ["", ...logs]) {
      if (existsSync(`${from}${end}`)) await copyFile(`${from}${end}`, `${part}${end}`);
    }
    await chmod(part, 0o600);
    check(part, from, options);
  } catch (thrown) {
    await clear();
    lock.release();
    throw thrown;
  }
  return new CheckedBackup(part, to, `${to}.before-restore-${options.stamp}`, lock, clear);
}

class CheckedBackup implements PreparedRestore {
  readonly #part: string;
  readonly #to: string;
  readonly #kept: string;
  readonly #lock: LifeLock;
  readonly #clear: () => Promise<void>;

  constructor(part: string, to: string, kept: string, lock: LifeLock, clear: () => Promise<void>) {
    this.#part = part;
    this.#to = to;
    this.#kept = kept;
    this.#lock = lock;
    this.#clear = clear;
  }

  async commit(): Promise<string | undefined> {
    const to = this.#to;
    const restoring = restoringFile(to);
    await renameDurably(this.#part, restoring);
    // From here to the last rename no session manager starts: the database and its log would not belong together.
    const found = ["", ...logs].filter((end) => existsSync(`${to}${end}`));
    for (const end of found.reverse()) await rename(`${to}${end}`, `${this.#kept}${end}`);
    await rm(`${to}${sharedMemory}`, { force: true });
    await syncNames(dirname(to));
    await rename(restoring, to);
    await syncNames(dirname(to));
    return found.length === 0 ? undefined : this.#kept;
  }

  async close(): Promise<void> {
    await this.#clear();
    this.#lock.release();
  }
}

async function backupAt({ from, owner, now }: RestoreOptions, to: string): Promise<string> {
  const wrong = (what: string): FlameError =>
    new FlameError(
      "invalid_argument",
      `${from} ${what}; expected a file that flmctl backup wrote, or a folder that flame backup wrote`,
    );
  const facts = await stat(from).catch((cause: unknown) => {
    throw wrong(`cannot be read: ${textOf(cause)}`);
  });
  if (facts.isDirectory()) throw wrong("is a folder without a backup.json");
  if (!facts.isFile()) throw wrong("is no file");
  const real = realFile(from);
  if (real === to) throw wrong("is the database itself");
  if (
    !(await isDatabaseFile(real).catch((cause: unknown) => {
      throw wrong(`cannot be read: ${textOf(cause)}`);
    }))
  )
    throw wrong(`is no database: it begins with ${await beginningOf(real)}`);
  // A copy of a database that is being written to would be torn.
  if (existsSync(`${real}.lock`)) databaseLock(real, owner, now).release();
  return real;
}

/** The first characters, for people. */
async function beginningOf(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(40), 0, 40, 0);
    if (bytesRead === 0) return "nothing, it is empty";
    return JSON.stringify(
      buffer
        .subarray(0, bytesRead)
        .toString("latin1")
        .replace(/[^ -~]+/g, "."),
    );
  } finally {
    await handle.close();
  }
}

/** Opening it takes in the log that was beside it, if any; closing it leaves one file. */
function check(part: string, from: string, { migrationsFolder, now }: RestoreOptions): void {
  let database: Database | undefined;
  try {
    database = new SqliteDatabase(part, { fileMustExist: true });
    const found = database.pragma("integrity_check(1)", { simple: true });
    if (found !== "ok") throw new Error(String(found));
    const tables = database.prepare<[], { n: number }>(
      "SELECT count(*) AS n FROM sqlite_schema WHERE type = 'table' AND name IN ('schema_migrations', 'applications', 'tasks')",
    );
    if (tables.get()?.n !== 3) throw notOfFlame(from);
    database.pragma("foreign_keys = OFF");
    migrate(database, migrationsFolder, from, now);
    database.pragma("wal_checkpoint(TRUNCATE)");
  } catch (cause) {
    if (cause instanceof FlameError) throw cause;
    throw new FlameError(
      "invalid_argument",
      `the backup ${from} is damaged: ${textOf(cause)}; nothing was changed, take another one`,
      { cause },
    );
  } finally {
    database?.close();
  }
}

function notOfFlame(from: string): FlameError {
  return new FlameError(
    "invalid_argument",
    `${from} is an SQLite database, and none of Flame: it has no applications and tasks; nothing was changed`,
  );
}
