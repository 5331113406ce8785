import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import SqliteDatabase from "better-sqlite3";
import type { TestCluster } from "../../support/cluster.ts";
import type { DaemonName } from "../../support/daemon.ts";
import { processesWith, processFile } from "../../support/processes.ts";

/** What a cluster takes of its machine when it has nothing to do. */
export interface Footprint {
  /** Programs with its home in their environment, but for its daemons. */
  readonly strangers: readonly string[];
  /** Files in its folders of sockets, running services, scratch and temporary files, and half-written records. */
  readonly leftovers: readonly string[];
  readonly descriptors: Readonly<Record<DaemonName, number>>;
  /** Rows and pages of the database, files of the object cache, installed packages. */
  readonly stored: Readonly<Record<string, number>>;
}

const daemonNames = [
  "flame-session-manager",
  "flame-executor-manager",
  "flame-object-cache",
] as const satisfies readonly DaemonName[];

export function measureFootprint(cluster: TestCluster): Footprint {
  const { home } = cluster;
  const pids = daemonNames.map((name) => cluster.daemon(name).pid);
  return {
    strangers: programsOf(home, pids),
    leftovers: [
      ...filesBelow(join(home, "run")).filter((file) => !isDaemonRecord(file)),
      ...filesBelow(join(home, "data/objects/tmp")),
      ...filesBelow(join(home, "tmp")),
      ...filesBelow(join(home, "data")).filter((file) => /\.tmp$|\.building/.test(file)),
    ],
    descriptors: Object.fromEntries(
      daemonNames.map((name) => [name, descriptorsOf(cluster.daemon(name).pid)]),
    ) as Record<DaemonName, number>,
    stored: {
      ...databaseOf(home),
      objects: filesBelow(join(home, "data/objects/pieces")).length,
      packages: filesBelow(join(home, "data/packages")).length,
    },
  };
}

/** What is more than it was, in words; empty when nothing is. */
export function growth(base: Footprint, now: Footprint): string[] {
  const found = [
    ...now.strangers.map((program) => `still runs: ${program}`),
    ...now.leftovers
      .filter((file) => !base.leftovers.includes(file))
      .map((file) => `left behind: ${file}`),
  ];
  for (const name of daemonNames) {
    const [before, after] = [base.descriptors[name], now.descriptors[name]];
    if (after > before + descriptorsSpare)
      found.push(`${name} has ${after} descriptors, it had ${before}`);
  }
  for (const [what, count] of Object.entries(now.stored)) {
    const before = base.stored[what] ?? 0;
    const most = what === "pages" ? before + pagesSpare : before;
    if (count > most) found.push(`${count} ${what} on disk, there were ${before}`);
  }
  return found;
}

/**
 * Connections that come and go: a client's, a probe's; and the six of the session manager's thread that folds the log, which
 * is started when there is first something to fold.
 */
const descriptorsSpare = 4 + 6;
/** Of a database: an index may need a page more than before. */
const pagesSpare = 16;

/** What a daemon keeps there while it runs, and the executor manager for the one after it. */
const records = [...daemonNames, "node-instance"];

function isDaemonRecord(file: string): boolean {
  return records.some((name) => file.endsWith(`/run/${name}.json`));
}

function programsOf(home: string, except: readonly number[]): string[] {
  return processesWith("environ", `FLAME_HOME=${home}\0`)
    .filter((pid) => !except.includes(pid))
    .map((pid) => `${pid} ${processFile(pid, "cmdline").replaceAll("\0", " ").trim()}`);
}

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Paths of everything below a folder that is no folder, sockets too. */
function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

function databaseOf(home: string): Record<string, number> {
  const file = join(home, "data/flame.db");
  const database = new SqliteDatabase(file, { readonly: true, fileMustExist: true });
  try {
    const count = (table: string): number =>
      database.prepare<[], { n: number }>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0;
    return {
      sessions: count("sessions"),
      tasks: count("tasks"),
      payloads:
        count("task_payloads") +
        count("tasks WHERE input IS NOT NULL") +
        count("tasks WHERE output IS NOT NULL"),
      executors: count("executors"),
      pages: Number(database.pragma("page_count", { simple: true })),
      "times 16 MiB of write-ahead log": Math.floor(sizeOf(`${file}-wal`) / 2 ** 24),
    };
  } finally {
    database.close();
  }
}

function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}
