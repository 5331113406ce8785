import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import Database from "better-sqlite3";
import type { Change } from "../../../src/model/change.ts";
import { CommitBatch } from "../../../src/storage/commit-batch.ts";
import { CommitThread } from "../../../src/storage/commit-thread.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { application, mine, session, spec, task } from "./records.ts";

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
let store: SqliteStore;
const synced: number[] = [];

beforeEach(() => {
  folder = temporaryFolder("thread");
  file = join(folder.path, "flame.db");
  synced.length = 0;
  store = new SqliteStore({
    file,
    migrationsFolder: join(process.cwd(), "migrations", "sqlite"),
    fillDefaults: () => spec,
    now: 1,
    onSynced: (seconds) => synced.push(seconds),
  });
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

const begin: readonly Change[] = [
  { kind: "application.put", record: application(1) },
  { kind: "session.put", record: session() },
];
const put = (id: number, state: "Pending" | "Failed" = "Pending"): Change => ({
  kind: "task.put",
  record: task(id, { state, inputBytes: 2000 }),
  ...(state === "Pending" && { input: Buffer.alloc(2000, id) }),
});

describe("a commit in the thread", () => {
  it("holds no event loop: what comes meanwhile is done before another connection lets it write", async () => {
    await store.commit(begin);
    const other = new Database(file);
    other.exec("BEGIN IMMEDIATE");
    let isDone = false;
    const committed = store.commit([put(1)]).then(() => {
      isDone = true;
    });
    // The thread waits for the other connection; here everything goes on, and nothing of the commit is seen.
    for (let round = 0; round < 20; round++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect(await store.readTask(mine, 1)).toBeUndefined();
    }
    expect(isDone).toBe(false);
    other.exec("COMMIT");
    other.close();
    await committed;
    expect((await store.readTask(mine, 1))?.state).toBe("Pending");
    expect(synced).toHaveLength(2);
  });

  it("is seen by reads when it has resolved and no sooner, however many are under way", async () => {
    await store.commit([...begin, put(1)]);
    const failing = store.commit([put(1, "Failed"), put(2)]);
    const next = store.commit([put(3)]);
    const look = async (): Promise<unknown> =>
      (await store.readTasks(mine, 0, 9))?.map(({ id, state }) => [id, state]);
    // The first one is in the thread; another connection sees when it has come to the disk.
    const other = new Database(file, { readonly: true });
    const onDisk = other.prepare("SELECT count(*) FROM tasks").pluck();
    const deadline = Date.now() + 60_000;
    const seen: unknown[] = [];
    void failing.then(async () => seen.push(await look()));
    await Promise.resolve().then(() => undefined);
    while (onDisk.get() === 1) {
      expect(Date.now()).toBeLessThan(deadline);
      // Without a turn of the event loop: nobody has been told yet.
      expect(await look()).toEqual([[1, "Pending"]]);
    }
    expect(await look()).toEqual([[1, "Pending"]]);
    other.close();
    await next;
    expect(seen).toEqual([
      [
        [1, "Failed"],
        [2, "Pending"],
      ],
    ]);
    expect(await look()).toEqual([
      [1, "Failed"],
      [2, "Pending"],
      [3, "Pending"],
    ]);
  });

  it("leaves nothing of a batch that fails, and the next one is taken", async () => {
    await store.commit(begin);
    const orphan = { ...task(1), sessionId: "no such session" };
    const broken = store.commit([put(1), { kind: "task.put", record: orphan }]);
    await expect(broken).rejects.toMatchObject({
      code: "internal",
      message: expect.stringMatching(/^writing 2 changes to .*flame\.db failed: .*FOREIGN KEY/),
    });
    expect(await store.readTask(mine, 1)).toBeUndefined();
    await store.commit([put(2)]);
    expect(await store.readTask(mine, 2)).toBeDefined();
  });

  it("that deletes sessions and fails has deleted none", async () => {
    await store.commit([...begin, ...Array.from({ length: 1500 }, (_, i) => put(i + 1, "Failed"))]);
    const orphan = { ...task(1), sessionId: "no such session" };
    const broken = store.commit([
      { kind: "session.delete", id: "my-app-1" },
      { kind: "task.put", record: orphan },
    ]);
    await expect(broken).rejects.toThrow(/FOREIGN KEY/);
    expect(store.isLeaving("my-app-1")).toBe(false);
    expect(await store.readTask(mine, 1500)).toBeDefined();
  });

  it("a close waits for it", async () => {
    await store.commit(begin);
    const all = Array.from({ length: 20 }, (_, i) => store.commit([put(i + 1)]));
    await store.close();
    await Promise.all(all);
    const database = new Database(file, { readonly: true });
    expect(database.prepare("SELECT count(*) FROM tasks").pluck().get()).toBe(20);
    database.close();
  });

  it("folds the log into the database now and then, so that it stays small under load", async () => {
    await store.commit(begin);
    for (let round = 0; round < 60; round++)
      await store.commit(Array.from({ length: 300 }, (_, i) => put(round * 300 + i + 1)));
    expect(statSync(`${file}-wal`).size).toBeLessThan(20 * 1024 * 1024);
    expect(statSync(file).size).toBeGreaterThan(20 * 1024 * 1024);
  });

  it("a backup beside it is whole, and does not begin anew with each commit", async () => {
    await store.commit([...begin, ...Array.from({ length: 3000 }, (_, i) => put(i + 1))]);
    const copy = join(folder.path, "copy.db");
    let isCopied = false;
    const copied = store.backup(copy).then(() => {
      isCopied = true;
    });
    let id = 3000;
    for (const deadline = Date.now() + 60_000; !isCopied; ) {
      expect(Date.now()).toBeLessThan(deadline);
      await store.commit([put(++id)]);
    }
    await copied;
    const database = new Database(copy, { readonly: true });
    expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
    expect(database.prepare("SELECT count(*) FROM tasks").pluck().get()).toBeGreaterThanOrEqual(
      3000,
    );
    database.close();
  });
});

describe("the thread", () => {
  const empty = () => new CommitBatch().pack();

  it("that cannot open the database says so, and lives", async () => {
    const thread = new CommitThread({ file: folder.path, startId: "", pragmas: [] });
    for (let round = 0; round < 2; round++)
      await expect(thread.commit(empty())).rejects.toMatchObject({ code: "SQLITE_CANTOPEN" });
    await thread.close();
  });

  it.each([
    ["ends", "process.exit(3)", /^the thread that commits has died: it ended with code 3$/],
    [
      "throws",
      "throw new Error('out of order')",
      /^the thread that commits has died: out of order$/,
    ],
  ])(
    "that %s is an error of who waits and of all who come later, and a close ends all the same",
    async (_how, what, text) => {
      const program = `require("node:worker_threads").parentPort.on("message", () => { ${what}; })`;
      const thread = new CommitThread({ file, startId: "", pragmas: [], program });
      await expect(thread.commit(empty())).rejects.toThrow(text);
      await expect(thread.commit(empty())).rejects.toThrow(text);
      await thread.close();
    },
  );
});
