import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import Database from "better-sqlite3";
import type { Change } from "../../../src/model/change.ts";
import { noTasks } from "../../../src/model/session.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { mine, session, spec, task } from "./records.ts";

const tasks = 200;
let folder: ReturnType<typeof temporaryFolder>;
let file: string;
let store: SqliteStore;

beforeEach(async () => {
  folder = temporaryFolder("deletions");
  file = join(folder.path, "flame.db");
  store = new SqliteStore({
    file,
    migrationsFolder: join(process.cwd(), "migrations", "sqlite"),
    fillDefaults: () => spec,
    now: 1,
  });
  const output = Buffer.alloc(20_000);
  const ended = Array.from({ length: tasks }, (_, at): Change => {
    const record = task(at + 1, {
      state: "Succeed",
      completionTime: at + 1,
      outputBytes: output.length,
    });
    return { kind: "task.put", record, output };
  });
  await store.commit([
    { kind: "session.put", record: session() },
    ...ended,
    {
      kind: "session.counts",
      id: "my-app-1",
      counts: { ...noTasks(), succeed: tasks },
      lastTaskId: tasks,
    },
  ]);
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

/**
 * What the store does while somebody else keeps the disk busy: only another turn of the event loop ends that, so whoever
 * waits for the disk on the event loop waits until it gives up.
 */
async function whileBusy<T>(work: () => Promise<T>): Promise<T> {
  const other = new Database(file);
  other.exec("BEGIN IMMEDIATE");
  const goesOn = setTimeout(() => other.exec("ROLLBACK"), 100);
  try {
    return await work();
  } finally {
    clearTimeout(goesOn);
    other.close();
  }
}

describe("the event loop goes on while the disk is waited for", () => {
  it("when finished tasks are forgotten", async () => {
    expect(await whileBusy(() => store.forgetFinished("my-app-1", 50, () => false))).toBe(false);
    expect(store.forgotten("my-app-1")).toBe(50);
    expect((await store.readTasks(mine, 0, 1))?.map(({ id }) => id)).toEqual([51]);
  });

  it("when what deleted sessions left is cleaned away, and when the file becomes smaller", async () => {
    await store.commit(
      Array.from({ length: 6 }, (_, nth): Change[] => {
        const record = session({ id: `s${nth}` });
        const putTasks = Array.from({ length: 300 }, (_, at): Change => {
          const one = task(at + 1, { state: "Succeed", completionTime: 1, outputBytes: 10_000 });
          const output = Buffer.alloc(10_000);
          return { kind: "task.put", record: { ...one, sessionId: `s${nth}` }, output };
        });
        return [{ kind: "session.put", record }, ...putTasks];
      }).flat(),
    );
    await store.commit(
      Array.from({ length: 6 }, (_, nth): Change => ({ kind: "session.delete", id: `s${nth}` })),
    );
    expect(store.isLeaving("s5")).toBe(true);
    while (store.isLeaving("s5")) expect(await whileBusy(() => store.cleanUp("s5"))).toBe(true);
    expect(await whileBusy(() => store.cleanUp())).toBe(true);
    while (await store.cleanUp());
    const look = new Database(file, { readonly: true });
    expect(look.prepare("SELECT count(*) FROM sessions").pluck().get()).toBe(1);
    expect(look.pragma("freelist_count", { simple: true })).toBe(0);
    look.close();
  });

  it("when a disk that refused a commit is tried", async () => {
    await whileBusy(() => store.tryWrite());
    const other = new Database(file);
    other.exec("UPDATE start SET number = number + 1, id = 'another', who = 'somebody else'");
    other.close();
    await expect(store.tryWrite()).rejects.toMatchObject({
      code: "aborted",
      message: expect.stringContaining("somebody else started on it"),
    });
  });

  it("when room is made on a full disk: behind a commit that is under way, and in vain while another one writes", async () => {
    await store.forgetFinished("my-app-1", 150, () => false);
    const size = statSync(file).size + statSync(`${file}-wal`).size;
    expect((await store.room()).usedBytes).toBeLessThan(size / 2);
    await Promise.all([
      store.commit([{ kind: "session.put", record: session({ id: "beside" }) }]),
      store.giveBack(),
    ]);
    expect(statSync(`${file}-wal`).size).toBe(0);
    // Each time a piece, for as long as commits may be held up.
    while ((await store.room()).usedBytes < statSync(file).size) await store.giveBack();
    expect(statSync(file).size).toBeLessThan(size / 2);
    await store.forgetFinished("my-app-1", 20, () => false);
    await whileBusy(() => store.giveBack());
    const look = new Database(file, { readonly: true });
    expect(look.pragma("freelist_count", { simple: true })).toBeGreaterThan(0);
    look.close();
  });
});
