import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import SqliteDatabase, { type Database } from "better-sqlite3";
import { makeFolderDurably } from "../files/durable.ts";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { ownPidNamespace } from "../process/process-facts.ts";

/** Who asks for a lock. */
export interface LockOwner {
  /** Such as `flame-session-manager`. */
  readonly program: string;
  /** FLAME_HOME. */
  readonly home?: string | undefined;
}

/** What is locked, and for whom. */
export interface LifeLockOptions {
  /** The lock file; made, with its folder, when it is missing. */
  readonly file: string;
  /** What it protects, for error texts: `the database /x/flame.db`. */
  readonly what: string;
  /** What fails when the file cannot be locked, for error texts: `cannot open the database /x/flame.db`. */
  readonly failure: string;
  /** The configuration key that chose it, for error texts. */
  readonly chosenBy: string;
  readonly owner: LockOwner;
  /** Unix milliseconds, for whoever is refused later. */
  readonly now: number;
}

/** A lock that ends with the process at the latest. */
export interface LifeLock {
  /** Gives it back. Idempotent. */
  release(): void;
}

/** Of several that start at once one gets the lock; the others look this long before they say who has it. */
const patienceMs = 500;

/**
 * Locks a file for as long as this process lives: an exclusive transaction of SQLite, which is an fcntl lock without
 * native code of our own. The kernel keeps it, across containers and PID namespaces, and drops it with the process.
 * It drops it as well when this process closes any descriptor of the file: nothing in it may open or copy `file`.
 * @throws FlameError already_exists naming who has it, invalid_config when the file cannot be locked at all.
 */
export function acquireLifeLock(options: LifeLockOptions): LifeLock {
  const holderFile = `${options.file}.json`;
  let database: Database | undefined;
  try {
    makeFolderDurably(dirname(options.file), 0o700);
    database = new SqliteDatabase(options.file, { timeout: patienceMs });
    // Nothing is ever written: no journal has to be made beside it. (OFF is not to be had: the library is defensive.)
    database.pragma("journal_mode = MEMORY");
    database.exec("BEGIN EXCLUSIVE");
    writeHolder(holderFile, options);
  } catch (cause) {
    database?.close();
    throw refusal(options, holderFile, cause);
  }
  return new HeldLifeLock(database, holderFile);
}

class HeldLifeLock implements LifeLock {
  readonly #database: Database;
  readonly #holderFile: string;

  constructor(database: Database, holderFile: string) {
    this.#database = database;
    this.#holderFile = holderFile;
  }

  release(): void {
    if (!this.#database.open) return;
    rmSync(this.#holderFile, { force: true });
    this.#database.close();
  }
}

/** Beside the lock, since the lock's own file must not be read. */
interface Holder extends LockOwner {
  readonly pid: number;
  readonly host: string;
  readonly pidNamespace: string;
  /** RFC 3339. */
  readonly since: string;
}

function writeHolder(file: string, { owner, now }: LifeLockOptions): void {
  const holder: Holder = {
    ...owner,
    pid: process.pid,
    host: hostname(),
    pidNamespace: ownPidNamespace(),
    since: new Date(now).toISOString(),
  };
  writeFileSync(`${file}.tmp`, `${JSON.stringify(holder)}\n`);
  renameSync(`${file}.tmp`, file);
}

function readHolder(file: string): Partial<Holder> | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof parsed === "object" && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function refusal(options: LifeLockOptions, holderFile: string, cause: unknown): unknown {
  const { file, what, failure, chosenBy } = options;
  const code = String(codeOf(cause));
  if (code.startsWith("SQLITE_BUSY")) {
    const { who, advice } = described(readHolder(holderFile));
    return new FlameError(
      "already_exists",
      `${what} is in use: ${who} holds ${file}; ${advice}, or set another ${chosenBy}`,
      { cause },
    );
  }
  const advice =
    code === "SQLITE_NOTADB"
      ? "it is no lock file: move it away"
      : `check ${chosenBy}, its folder's permissions and free space, and that its file system knows locks`;
  return new FlameError(
    "invalid_config",
    `${failure}: its lock ${file}: ${textOf(cause)}; ${advice}`,
    { cause },
  );
}

function described(holder: Partial<Holder> | undefined): { who: string; advice: string } {
  if (holder?.program === undefined) return { who: "another process", advice: "stop it first" };
  const { program, pid, home, host, since, pidNamespace } = holder;
  const homeText = home === undefined ? "" : `, FLAME_HOME "${home}"`;
  const who = `${program} (process ${pid} on host "${host}"${homeText}, since ${since})`;
  if (host === hostname() && pidNamespace === ownPidNamespace()) {
    return { who, advice: `stop it first (kill ${pid})` };
  }
  return { who: `${who}, in another container or on another machine,`, advice: "stop it first" };
}
