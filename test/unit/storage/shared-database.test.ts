import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import Database from "better-sqlite3";
import type { ApplicationRecord } from "../../../src/model/application.ts";
import type { ApplicationSpec } from "../../../src/model/application-spec.ts";
import type { Change } from "../../../src/model/change.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import { temporaryFolder } from "../../support/temp.ts";

const spec: ApplicationSpec = {
  shim: "Host",
  labels: [],
  arguments: [],
  environments: {},
  max_instances: 1,
  delay_release: 1,
  max_crashes: 5,
  max_lost_nodes: 10,
};

function application(name: string, over: Partial<ApplicationRecord> = {}): Change {
  const record: ApplicationRecord = {
    name,
    state: "Enabled",
    creationTime: 1,
    revision: 1,
    revisionTime: 1,
    origin: "api",
    author: "test",
    cause: { kind: "register" },
    fieldOwners: {},
    manifest: {},
    spec,
    ...over,
  };
  return { kind: "application.put", record };
}

let folder: { path: string; remove: () => void };
let file: string;
const opened: SqliteStore[] = [];

function open(at = file, program = "flame-session-manager", home = "/a-home"): SqliteStore {
  const store = new SqliteStore({
    file: at,
    migrationsFolder: join(process.cwd(), "migrations", "sqlite"),
    fillDefaults: () => spec,
    now: Date.parse("2026-11-28T10:00:00Z"),
    owner: { program, home },
  });
  opened.push(store);
  return store;
}

const namesOf = async (store: SqliteStore): Promise<string[]> =>
  (await store.load()).applications.map(({ name }) => name);

beforeEach(() => {
  folder = temporaryFolder("shared");
  file = join(folder.path, "flame.db");
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  folder.remove();
});

describe("a database that a store has opened", () => {
  it("is refused to the next one, which is told who has it and what to do", async () => {
    const first = open();
    expect(() => open()).toThrow(
      `the database ${file} is in use: flame-session-manager (process ${process.pid} on host `,
    );
    expect(() => open()).toThrow(
      `FLAME_HOME "/a-home", since 2026-11-28T10:00:00.000Z) holds ${file}.lock; stop it first (kill ${process.pid})`,
    );
    await first.commit([application("still-served")]);
    expect(await namesOf(first)).toEqual(["still-served"]);
  });

  it("is refused by every name that links give it", () => {
    const elsewhere = join(folder.path, "elsewhere");
    mkdirSync(elsewhere);
    // The link is there before the database is.
    symlinkSync("../flame.db", join(elsewhere, "linked.db"));
    symlinkSync(elsewhere, join(folder.path, "folder-link"));
    open(join(folder.path, "folder-link/linked.db"));
    expect(() => open()).toThrow("is in use");
    expect(() => open(join(elsewhere, "linked.db"))).toThrow("is in use");
  });

  it("can be opened again when it was closed, and leaves nothing that names a holder", async () => {
    await open().close();
    expect(existsSync(`${file}.lock.json`)).toBe(false);
    open();
    expect(readdirSync(folder.path).filter((name) => name.includes("lock"))).toEqual([
      "flame.db.lock",
      "flame.db.lock.json",
    ]);
    expect(JSON.parse(readFileSync(`${file}.lock.json`, "utf8"))).toMatchObject({
      program: "flame-session-manager",
      pid: process.pid,
    });
  });

  it("stays locked while other connections of the process come and go", async () => {
    const store = open();
    const other = new Database(file);
    other.pragma("quick_check(1)");
    await other.backup(join(folder.path, "copy.db"));
    other.close();
    await store.backup(join(folder.path, "another-copy.db"));
    expect(() => open()).toThrow("is in use");
    // Asked by another process: this one's own connections would know of the lock without the kernel.
    expect(lockedOut()).toBe(true);
    await store.close();
    expect(lockedOut()).toBe(false);
  });

  it("is free again when its process was killed", () => {
    const holder = join(process.cwd(), "node_modules/better-sqlite3");
    const program = `
      const Database = require(${JSON.stringify(holder)});
      new Database(${JSON.stringify(`${file}.lock`)}).exec("BEGIN EXCLUSIVE");
      process.kill(process.pid, "SIGKILL");`;
    expect(spawnSync(process.execPath, ["-e", program]).signal).toBe("SIGKILL");
    open();
  });

  it("whose lock file is none is refused with what to do", () => {
    writeFileSync(
      `${file}.lock`,
      "somebody's notes, long enough to be looked at as a page".repeat(20),
    );
    expect(() => open()).toThrow(
      /cannot open the database .*: its lock .*flame\.db\.lock: .*it is no lock file: move it away/,
    );
  });
});

/** Whether another process cannot have the lock. */
function lockedOut(): boolean {
  const program = `
    const Database = require(${JSON.stringify(join(process.cwd(), "node_modules/better-sqlite3"))});
    new Database(${JSON.stringify(`${file}.lock`)}, { timeout: 0 }).exec("BEGIN EXCLUSIVE");`;
  return spawnSync(process.execPath, ["-e", program]).status !== 0;
}

describe("where locks keep nobody apart", () => {
  /** What a file system whose locks lie comes to: both have their lock. */
  function openSecond(): SqliteStore {
    rmSync(`${file}.lock`);
    return open(file, "flame-session-manager", "/other-home");
  }

  it("the second start ends the first one's commits, and nothing acknowledged is lost", async () => {
    const first = open();
    await first.commit([application("from-first")]);
    const second = openSecond();
    await second.commit([application("from-second")]);
    const late = first.commit([application("too-late")]);
    await expect(late).rejects.toMatchObject({
      code: "aborted",
      message: expect.stringMatching(
        /belongs to another one by now: flame-session-manager \(process \d+ on host ".*", FLAME_HOME "\/other-home"\) started on it at 2026-11-28T10:00:00.000Z \(start 2, this is start 1\)/,
      ),
    });
    await second.commit([application("from-second-again")]);
    expect(await namesOf(second)).toEqual(["from-first", "from-second", "from-second-again"]);
  });

  it("even a commit without changes tells the first one", async () => {
    const first = open();
    openSecond();
    await expect(first.commit([])).rejects.toThrow("belongs to another one by now");
  });
});

describe("a revision that is stored already", () => {
  it("is written again as it is with its application", async () => {
    const store = open();
    const manifest = { description: "d", environments: { "1": "one", A: "a" } };
    const over = { manifest, cause: { kind: "rollback", restored: 1, forced: true } } as const;
    await store.commit([application("a", over)]);
    await store.commit([application("a", { ...over, state: "Disabled", owner: "file" })]);
    const [loaded] = (await store.load()).applications;
    expect(loaded).toMatchObject({ state: "Disabled", owner: "file", manifest });
    await store.commit([{ kind: "application.put", record: loaded as ApplicationRecord }]);
  });

  it.each<[string, Partial<ApplicationRecord>]>([
    ["another manifest", { manifest: { description: "another" } }],
    ["another author", { author: "somebody" }],
    ["another time", { revisionTime: 2 }],
    ["another cause", { cause: { kind: "rollback", restored: 1 } }],
  ])("is not taken for one with %s: the commit fails, and changes nothing", async (_, over) => {
    const store = open();
    await store.commit([application("a")]);
    await expect(
      store.commit([application("b"), application("a", { ...over, state: "Disabled" })]),
    ).rejects.toThrow(/revision 1 of application "a" is stored already, and is another one/);
    const { applications } = await store.load();
    expect(applications.map(({ name, state }) => [name, state])).toEqual([["a", "Enabled"]]);
  });
});
