import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import Database from "better-sqlite3";
import { migrate } from "../../../src/storage/migrate.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import { payloadOf } from "./records.ts";

const shipped = join(process.cwd(), "migrations", "sqlite");
const spec = {
  shim: "Host",
  labels: [],
  arguments: [],
  environments: {},
  max_instances: 1,
  delay_release: 1,
  max_crashes: 5,
  max_lost_nodes: 10,
} as const;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flame-counts-"));
  file = join(folder, "flame.db");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const taskOne = { sessionId: "open", creationTime: 1 };

const open = (): SqliteStore =>
  new SqliteStore({ file, migrationsFolder: shipped, fillDefaults: () => spec, now: 1 });

/** A database as the version before wrote it: counts were made of the tasks at each start. */
function writeVersion3(): void {
  const old = join(folder, "old");
  mkdirSync(old);
  for (const name of readdirSync(shipped).filter((one) => one < "0004"))
    copyFileSync(join(shipped, name), join(old, name));
  const database = new Database(file);
  database.pragma("auto_vacuum = INCREMENTAL");
  migrate(database, old, file, 1);
  database.exec(`
    INSERT INTO applications (name, state, creation_time, revision) VALUES ('a', 'Enabled', 1, 1);
    INSERT INTO application_revisions (name, revision, revision_time, origin, author, manifest)
      VALUES ('a', 1, 1, 'api', 'test', '{}');`);
  const session = database.prepare(
    `INSERT INTO sessions VALUES (?, 'a', 1, ?, 1, ?, 1, 2, 0, 0, 7, 3, 'me', NULL, '[[1001,5,"text"]]')`,
  );
  session.run("empty", "Open", null);
  session.run("open", "Open", null);
  session.run("closed", "Closed", 9);
  const task = database.prepare(
    `INSERT INTO tasks (session_id, id, state, creation_time, attempt, crashes, events) VALUES (?, ?, ?, 1, 1, 0, '[]')`,
  );
  for (const [id, state] of ["Succeed", "Pending", "Running", "Failed", "Succeed"].entries())
    task.run("open", id + 1, state);
  task.run("closed", 1, "Cancelled");
  database
    .prepare("INSERT INTO task_payloads VALUES ('open', 1, 'input', ?)")
    .run(Buffer.from("bytes"));
  database.close();
}

describe("a database of the version before", () => {
  it("keeps every session, task and payload, and learns the counts", async () => {
    writeVersion3();
    const store = open();
    const { sessions, openTasks } = await store.load();
    const counts = sessions.map((one): unknown[] => [
      one.record.id,
      ...Object.values({ ...one.counts }),
      one.lastTaskId,
    ]);
    expect(counts).toEqual([
      ["closed", 0, 0, 0, 0, 1, 1],
      ["empty", 0, 0, 0, 0, 0, 0],
      ["open", 1, 1, 2, 1, 0, 5],
    ]);
    expect(sessions.find(({ record }) => record.id === "open")?.record).toMatchObject({
      maxInstances: 7,
      priority: 3,
      owner: "me",
      events: [{ code: 1001, message: "text", creationTime: 5 }],
    });
    expect(openTasks.map(({ id }) => id)).toEqual([2, 3]);
    expect((await payloadOf(store, 1, "input", taskOne))?.toString()).toBe("bytes");
    await store.close();
  });

  it("still loses the tasks of a session with it, and refuses tasks of none", async () => {
    writeVersion3();
    const store = open();
    await store.commit([{ kind: "session.delete", id: "open" }]);
    expect(await store.readTask({ id: "open", creationTime: 1 }, 1)).toBeUndefined();
    expect(await payloadOf(store, 1, "input", taskOne)).toBeUndefined();
    const record = {
      sessionId: "open",
      id: 1,
      state: "Pending",
      creationTime: 1,
      attempt: 0,
      crashes: 0,
      lostNodes: 0,
      term: 0,
      events: [],
    } as const;
    await expect(store.commit([{ kind: "task.put", record }])).rejects.toThrow(/FOREIGN KEY/);
    await store.close();
  });
});

it("a start reads counts, not tasks", async () => {
  const store = open();
  await store.close();
  const database = new Database(file);
  const plan = database
    .prepare<[], { detail: string }>(
      "EXPLAIN QUERY PLAN SELECT * FROM tasks WHERE state IN ('Pending', 'Running') ORDER BY session_id, id",
    )
    .all()
    .map(({ detail }) => detail);
  expect(plan).toEqual(["SCAN tasks USING INDEX tasks_open"]);
  // Counts that no task bears out: what is loaded is what was written.
  database.exec(`
    INSERT INTO sessions VALUES ('s', 'a', 1, 'Open', 1, NULL, 1, 2, 0, 0, NULL, 3, 'me', NULL, '[]', 0, NULL, NULL, NULL);
    INSERT INTO session_counts VALUES ('s', 0, 0, 41, 1, 0, 42, 0, 0);`);
  database.close();
  const again = open();
  const [session] = (await again.load()).sessions;
  expect([session?.counts.succeed, session?.lastTaskId]).toEqual([41, 42]);
  await again.close();
});
