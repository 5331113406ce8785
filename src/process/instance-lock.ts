import { link, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { makeHomeFolder, unusableHome } from "./home-folder.ts";
import { isSameProcessAlive, ownPidNamespace, processFacts } from "./process-facts.ts";

/** What `FLAME_HOME/run/<name>.json` says about a running daemon. */
export interface InstanceRecord {
  readonly pid: number;
  /** Clock ticks after boot: with the pid it names one process, however pids are reused. */
  readonly startTime: number;
  /** The PID namespace in which `pid` names it: containers that share a home each have their own. */
  readonly pidNamespace?: string;
  /** Where it serves; absent until it does. */
  readonly endpoint?: string;
  /** Where its Prometheus metrics can be read; absent when it serves none. */
  readonly metrics?: string;
  readonly version?: string;
}

/** The right to be the one instance of a daemon in a home. */
export interface InstanceLock {
  /** Tells others where the daemon serves, by replacing the file in one step. */
  publish(endpoint: string, metrics?: string): Promise<void>;
  /** Removes the file. Idempotent. */
  release(): Promise<void>;
}

/** Which daemon of which home. */
export interface InstanceLockOptions {
  /** FLAME_HOME. */
  readonly home: string;
  /** The daemon's name, such as `flame-session-manager`. */
  readonly name: string;
  readonly version?: string;
  /** The variable or key that names the home, for error texts. @default FLAME_HOME */
  readonly chosenBy?: string;
  /** Who holds it. @default this process */
  readonly pid?: number;
}

const TRIES_MAX = 200;
const TAKEOVER_PAUSE_MS = 5;

/** `FLAME_HOME/run/<name>.json`. */
export function instanceRecordPath(home: string, name: string): string {
  return join(home, "run", `${name}.json`);
}

/** The running instance of a daemon; undefined when there is none, or when its file outlived it. */
export async function findInstance(
  home: string,
  name: string,
): Promise<InstanceRecord | undefined> {
  const record = await readRecord(instanceRecordPath(home, name));
  return record !== undefined && isAlive(record) ? record : undefined;
}

/**
 * Claims the one place of a daemon in a home. A file whose process is gone is taken over.
 * @throws FlameError already_exists naming the process that holds it, and what to do.
 */
export async function acquireInstanceLock(options: InstanceLockOptions): Promise<InstanceLock> {
  const path = instanceRecordPath(options.home, options.name);
  const { pid = process.pid, chosenBy = "FLAME_HOME" } = options;
  const own: InstanceRecord = {
    pid,
    startTime: processFacts(pid)?.startTime ?? 0,
    pidNamespace: ownPidNamespace(),
    ...(options.version === undefined ? {} : { version: options.version }),
  };
  await makeHomeFolder(options.home, dirname(path), chosenBy);
  const claim = `${path}.${pid}.claim`;
  try {
    await writeFile(claim, text(own));
  } catch (cause) {
    throw unusableHome(options.home, chosenBy, cause);
  }
  let foreign: InstanceRecord | undefined;
  try {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (await linked(claim, path)) {
        await removeStale(path);
        return new HeldLock(path, own, foreign);
      }
      await refuseWhileHeld(path, options);
      foreign = (await takeAway(path, claim)) ?? foreign;
    }
  } finally {
    await rm(claim, { force: true });
  }
  throw new FlameError(
    "aborted",
    `cannot claim "${path}": others claim it at the same time; try again`,
  );
}

class HeldLock implements InstanceLock {
  readonly #path: string;
  readonly #own: InstanceRecord;
  /** What stood there of another PID namespace: nobody can tell here whether its process lives. */
  readonly #foreign: InstanceRecord | undefined;
  #published = false;
  #released = false;

  constructor(path: string, own: InstanceRecord, foreign: InstanceRecord | undefined) {
    this.#path = path;
    this.#own = own;
    this.#foreign = foreign;
  }

  async publish(endpoint: string, metrics?: string): Promise<void> {
    await this.#write({ ...this.#own, endpoint, ...(metrics !== undefined && { metrics }) });
    this.#published = true;
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    const present = await readRecord(this.#path);
    if (present === undefined || !sameOwner(present, this.#own)) return;
    // Whoever never served, since the data was locked, leaves the place to the one in the other container.
    if (this.#foreign !== undefined && !this.#published) await this.#write(this.#foreign);
    else await rm(this.#path, { force: true });
  }

  async #write(record: InstanceRecord): Promise<void> {
    const temporary = `${this.#path}.${this.#own.pid}.tmp`;
    await writeFile(temporary, text(record));
    await rename(temporary, this.#path);
  }
}

// A link, unlike a rename, fails when the name exists: exactly one of several claimants gets it.
async function linked(claim: string, path: string): Promise<boolean> {
  try {
    await link(claim, path);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

async function refuseWhileHeld(path: string, options: InstanceLockOptions): Promise<void> {
  const holder = await findInstance(options.home, options.name);
  if (holder === undefined) return;
  const where = holder.endpoint === undefined ? "" : ` and serves ${holder.endpoint}`;
  throw new FlameError(
    "already_exists",
    `${options.name} already runs in "${options.home}": process ${holder.pid} holds "${path}"${where}; ` +
      `stop it first (kill ${holder.pid}), or use another FLAME_HOME`,
  );
}

/**
 * Removes the file of a process that is gone. Only one claimant at a time may: whoever removed without asking could
 * remove the file of another claimant that was faster.
 * @returns what it said when it is of another PID namespace, where the process may well live.
 */
async function takeAway(path: string, claim: string): Promise<InstanceRecord | undefined> {
  const guard = `${path}.takeover`;
  if (!(await linked(claim, guard))) {
    // Left behind by a claimant that died in the middle of this very function.
    const other = await readRecord(guard);
    if (other !== undefined && !isAlive(other)) await rm(guard, { force: true });
    await setTimeout(TAKEOVER_PAUSE_MS);
    return undefined;
  }
  try {
    const present = await readRecord(path);
    if (present === undefined || !isAlive(present)) await rm(path, { force: true });
    return present !== undefined && isForeign(present) ? present : undefined;
  } finally {
    await rm(guard, { force: true });
  }
}

/** Removes what processes left beside the file that were killed in the middle of their start. */
async function removeStale(path: string): Promise<void> {
  const folder = dirname(path);
  const guard = await readRecord(`${path}.takeover`);
  if (guard !== undefined && !isAlive(guard)) await rm(`${path}.takeover`, { force: true });
  for (const name of await readdir(folder)) {
    const [, pid] = /\.(\d+)\.(?:claim|tmp)$/.exec(name) ?? [];
    if (pid === undefined || !name.startsWith(`${basename(path)}.`)) continue;
    if (processFacts(Number(pid)) === undefined) await rm(join(folder, name), { force: true });
  }
}

async function readRecord(path: string): Promise<InstanceRecord | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
    return isRecord(parsed) ? parsed : undefined;
  } catch (thrown) {
    if (codeOf(thrown) !== "EACCES") return undefined;
    throw new FlameError(
      "invalid_state",
      `cannot look which daemons run: ${textOf(thrown)}; run this as the user of the daemons`,
      { cause: thrown },
    );
  }
}

const isAlive = (record: InstanceRecord): boolean =>
  !isForeign(record) && isSameProcessAlive(record.pid, record.startTime);

const isForeign = ({ pidNamespace }: InstanceRecord): boolean =>
  pidNamespace !== undefined && pidNamespace !== ownPidNamespace();

function isRecord(value: unknown): value is InstanceRecord {
  if (typeof value !== "object" || value === null) return false;
  return (
    "pid" in value &&
    typeof value.pid === "number" &&
    "startTime" in value &&
    typeof value.startTime === "number"
  );
}

function sameOwner(a: InstanceRecord, b: InstanceRecord): boolean {
  return a.pid === b.pid && a.startTime === b.startTime;
}

function text(record: InstanceRecord): string {
  return `${JSON.stringify(record)}\n`;
}
