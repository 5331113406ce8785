import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import Database from "better-sqlite3";
import type { ApplicationSpec } from "../../../src/model/application-spec.ts";
import type { Change } from "../../../src/model/change.ts";
import { copyDatabase, prepareRestore } from "../../../src/storage/database-file.ts";
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
const migrationsFolder = join(process.cwd(), "migrations", "sqlite");
const stamp = "20261128T100000Z";

const application = (name: string): Change => ({
  kind: "application.put",
  record: {
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
  },
});

let folder: { path: string; remove: () => void };
let file: string;
let backup: string;
let store: SqliteStore | undefined;

function open(at = file): SqliteStore {
  store = new SqliteStore({ file: at, migrationsFolder, fillDefaults: () => spec, now: 1 });
  return store;
}

/** What a session manager leaves that was killed: the last commits are in the write-ahead log alone. */
async function leaveAsKilled(): Promise<void> {
  const left = join(folder.path, "left");
  mkdirSync(left);
  for (const end of ["", "-wal", "-shm"]) copyFileSync(`${file}${end}`, join(left, `x${end}`));
  await store?.close();
  for (const end of ["", "-wal", "-shm"]) copyFileSync(join(left, `x${end}`), `${file}${end}`);
}

const prepare = (from = backup, to = file) =>
  prepareRestore({
    from,
    to,
    stamp,
    migrationsFolder,
    owner: { program: "flame restore" },
    now: 2,
  });

async function restore(from = backup): Promise<string | undefined> {
  const prepared = await prepare(from);
  try {
    return await prepared.commit();
  } finally {
    await prepared.close();
  }
}

async function namesIn(at = file): Promise<string[]> {
  const names = (await open(at).load()).applications.map(({ name }) => name);
  await store?.close();
  return names;
}

beforeEach(async () => {
  folder = temporaryFolder("restore");
  mkdirSync(join(folder.path, "data"));
  file = join(folder.path, "data/flame.db");
  backup = join(folder.path, "backup.db");
  const first = open();
  await first.commit([application("in-the-backup")]);
  await first.backup(backup);
  await first.commit([application("later")]);
});
afterEach(async () => {
  await store?.close();
  folder.remove();
});

describe("a restore", () => {
  it("takes nothing of the write-ahead log that lies there into the backup, and keeps both", async () => {
    await leaveAsKilled();
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
    const kept = await restore();
    expect(kept).toBe(`${file}.before-restore-${stamp}`);
    expect(await namesIn()).toEqual(["in-the-backup"]);
    expect(await namesIn(kept)).toEqual(["in-the-backup", "later"]);
  });

  it("leaves the database, what was kept, and nothing else; only the owner may read it", async () => {
    await leaveAsKilled();
    await restore();
    expect(readdirSync(join(folder.path, "data")).sort()).toEqual([
      "flame.db",
      `flame.db.before-restore-${stamp}`,
      `flame.db.before-restore-${stamp}-wal`,
      "flame.db.lock",
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("of what an earlier one kept brings back all of it, its write-ahead log included", async () => {
    await leaveAsKilled();
    const kept = (await restore()) ?? "";
    const back = await prepareRestore({
      from: kept,
      to: file,
      stamp: "20261128T110000Z",
      migrationsFolder,
      owner: { program: "flame restore" },
      now: 3,
    });
    await back.commit();
    await back.close();
    expect(await namesIn()).toEqual(["in-the-backup", "later"]);
  });

  it("into a place where no database is keeps nothing", async () => {
    const elsewhere = join(folder.path, "new/flame.db");
    const prepared = await prepare(backup, elsewhere);
    expect(await prepared.commit()).toBeUndefined();
    await prepared.close();
    await store?.close();
    expect(await namesIn(elsewhere)).toEqual(["in-the-backup"]);
  });

  it("brings a backup of an earlier version to this one's schema before it takes the place", async () => {
    const early = new Database(join(folder.path, "early.db"));
    early.exec(
      "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
    );
    early.exec(readFileSync(join(migrationsFolder, "0001_initial.sql"), "utf8"));
    early.exec("INSERT INTO schema_migrations VALUES (1, '0001_initial.sql', 0)");
    early.close();
    await store?.close();
    await restore(join(folder.path, "early.db"));
    expect(await namesIn()).toEqual([]);
  });

  it("is refused while the database is in use, and changes nothing", async () => {
    await expect(prepare()).rejects.toMatchObject({
      code: "already_exists",
      message: expect.stringContaining(`the database ${file} is in use: `),
    });
    await store?.commit([application("goes-on")]);
  });

  it("keeps session managers out until it is done", async () => {
    await store?.close();
    const prepared = await prepare();
    expect(() => open()).toThrow(/is in use: flame restore \(process/);
    await prepared.close();
    expect(await namesIn()).toEqual(["in-the-backup", "later"]);
  });

  it("of a database that is in use is refused: a copy of it would be torn", async () => {
    const other = join(folder.path, "other/flame.db");
    await expect(prepare(file, other)).rejects.toThrow(`the database ${file} is in use`);
  });
});

describe("what is no backup is refused by name, and changes nothing:", () => {
  const cases: [string, () => string, RegExp][] = [
    ["nothing", () => join(folder.path, "nowhere.db"), /nowhere\.db cannot be read: ENOENT/],
    ["a folder", () => folder.path, /is a folder without a backup\.json/],
    ["a device", () => "/dev/null", /\/dev\/null is no file/],
    [
      "an empty file",
      () => write("empty", ""),
      /is no database: it begins with nothing, it is empty/,
    ],
    [
      "a certificate",
      () => write("cert.pem", "-----BEGIN CERTIFICATE-----\nMIIB"),
      /cert\.pem is no database: it begins with "-----BEGIN CERTIFICATE-----\.MIIB"; expected a file that flmctl backup wrote/,
    ],
    ["the database itself", () => file, /is the database itself/],
    [
      "a database of somebody else",
      () => {
        const path = join(folder.path, "foreign.db");
        new Database(path).exec("CREATE TABLE bookmarks (id INTEGER)").close();
        return path;
      },
      /foreign\.db is an SQLite database, and none of Flame/,
    ],
    [
      "a database of a newer version",
      () => {
        const db = new Database(backup);
        db.exec("INSERT INTO schema_migrations VALUES (9999, 'tomorrow', 0)");
        db.close();
        return backup;
      },
      /has schema version 9999.*written by a newer Flame/,
    ],
    [
      "a torn backup",
      () => write("torn.db", readFileSync(backup).subarray(0, 20_000)),
      /the backup .*torn\.db is damaged: .*; nothing was changed, take another one/,
    ],
    [
      "a backup with a page of rubbish",
      () => {
        const bytes = readFileSync(backup);
        bytes.fill(0x5a, 4096, 3 * 4096);
        return write("rubbish.db", bytes);
      },
      /the backup .*rubbish\.db is damaged/,
    ],
  ];

  function write(name: string, content: string | Buffer): string {
    const path = join(folder.path, name);
    writeFileSync(path, content);
    return path;
  }

  it.each(cases)("%s", async (_, from, text) => {
    await store?.close();
    const path = from();
    await expect(prepare(path)).rejects.toThrow(text);
    expect(readdirSync(join(folder.path, "data")).filter((name) => /restor/.test(name))).toEqual(
      [],
    );
    expect(await namesIn()).toEqual(["in-the-backup", "later"]);
  });
});

it("a restore that was cut short while it changed files keeps session managers out until it is run again", async () => {
  await store?.close();
  copyFileSync(backup, `${file}.restoring`);
  expect(() => open()).toThrow(
    /a restore of the database .*flame\.db was cut short: run flame restore FILE again; what was there before it is kept/,
  );
  await restore();
  expect(existsSync(`${file}.restoring`)).toBe(false);
  expect(await namesIn()).toEqual(["in-the-backup"]);
});

it("a copy of a database holds what was committed, whether it is in use or was killed", async () => {
  await copyDatabase(file, join(folder.path, "in-use.db"));
  await leaveAsKilled();
  await copyDatabase(file, join(folder.path, "killed.db"));
  expect(await namesIn(join(folder.path, "in-use.db"))).toEqual(["in-the-backup", "later"]);
  expect(await namesIn(join(folder.path, "killed.db"))).toEqual(["in-the-backup", "later"]);
});
