import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import Database from "better-sqlite3";
import { DeadlineQueue } from "../../../src/kit/deadline-queue.ts";
import { Flag } from "../../../src/kit/flag.ts";
import type { Change } from "../../../src/model/change.ts";
import { usualEventTexts } from "../../../src/model/event.ts";
import type { FlameTurn } from "../../../src/model/flame-turn.ts";
import { SessionEntry } from "../../../src/sessions/session-entry.ts";
import { completeTask, createTask, launchTask } from "../../../src/sessions/task-life.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { application, mine, payloadOf, session, spec, task } from "./records.ts";

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
const open = (): SqliteStore =>
  new SqliteStore({
    file,
    migrationsFolder: join(process.cwd(), "migrations", "sqlite"),
    fillDefaults: () => spec,
    now: 1,
  });

beforeEach(() => {
  folder = temporaryFolder("writes");
  file = join(folder.path, "flame.db");
});
afterEach(() => {
  folder.remove();
});

const begin: readonly Change[] = [
  { kind: "application.put", record: application(1) },
  { kind: "session.put", record: session() },
];

/** What the session room says of a task that is created, handed out and succeeds. */
function lifeOfATask(): Change[] {
  const changes: Change[] = [];
  const turn = { now: 1_790_000_000_000, steady: 5, change: (one: Change) => changes.push(one) };
  const entry = new SessionEntry(
    session(),
    { pending: 0, running: 0, succeed: 0, failed: 0, cancelled: 0 },
    0,
    { tasks: 0, deadlines: new DeadlineQueue(), scheduleWanted: new Flag() },
  );
  const of = turn as unknown as FlameTurn;
  createTask(of, entry, Buffer.from("in"), 1);
  turn.now += 3;
  const running = launchTask(of, entry, "e1");
  if (running === undefined) throw new Error("the task was not handed out");
  turn.now += 4;
  completeTask(of, entry, running, { returnCode: 0, output: Buffer.from("out") });
  return changes;
}

describe("what a task takes on disk", () => {
  it("is one row, with its small payloads, and without the texts of its events", async () => {
    const store = open();
    const changes = lifeOfATask();
    await store.commit([...begin, ...changes]);
    const last = changes.at(-1);
    if (last?.kind !== "task.put") throw new Error("the last change is of no task");
    expect(await store.readTask(mine, 1)).toEqual(last.record);
    await store.close();
    const database = new Database(file);
    expect(database.prepare("SELECT count(*) FROM task_payloads").pluck().get()).toBe(0);
    const row = database.prepare("SELECT events, input, output FROM tasks").get();
    expect(row).toEqual({
      events: `0.${(1_790_000_000_000).toString(36)} 1.3 2.4`,
      input: Buffer.from("in"),
      output: Buffer.from("out"),
    });
    database.close();
  });

  it("is read as 0.7.0 wrote it, which an opening leaves as it is", async () => {
    const store = open();
    await store.commit(begin);
    await store.close();
    const events = '[[0,5,"Task was created with state <Pending>"],[3,8,"no"]]';
    const rows = (): unknown => {
      const database = new Database(file, { readonly: true });
      const all = [
        ...database.prepare("SELECT events, input, output FROM tasks").all(),
        ...database.prepare("SELECT * FROM task_payloads ORDER BY kind").all(),
      ];
      database.close();
      return all;
    };
    const old = new Database(file);
    old
      .prepare(
        `INSERT INTO tasks (session_id, id, state, creation_time, completion_time, input_bytes, output_bytes, attempt, crashes, events)
         VALUES ('my-app-1', 1, 'Failed', 5, 8, 2, 3, 1, 0, ?)`,
      )
      .run(events);
    const payload = old.prepare("INSERT INTO task_payloads VALUES ('my-app-1', 1, ?, ?)");
    payload.run("input", Buffer.from("in"));
    payload.run("output", Buffer.from("out"));
    old.close();
    const before = rows();
    const again = open();
    await again.load();
    expect((await again.readTask(mine, 1))?.events).toEqual([
      { code: 0, message: "Task was created with state <Pending>", creationTime: 5 },
      { code: 3, message: "no", creationTime: 8 },
    ]);
    expect((await payloadOf(again, 1, "input", { creationTime: 5 }))?.toString()).toBe("in");
    expect((await payloadOf(again, 1, "output", { creationTime: 5 }))?.toString()).toBe("out");
    await again.close();
    expect(rows()).toEqual(before);
  });

  it("that nobody can read is an error that shows it, never a task without its past", async () => {
    const store = open();
    await store.commit([...begin, { kind: "task.put", record: task(1) }]);
    await store.close();
    const database = new Database(file);
    database.exec("UPDATE tasks SET events = '77.zz'");
    database.close();
    const again = open();
    await expect(again.readTask(mine, 1)).rejects.toThrow(
      'the events "77.zz" are of no known form',
    );
    await again.close();
  });
});

describe("a long queue", () => {
  it("is in memory with one list of events for all tasks that came at one moment", async () => {
    const store = open();
    const events = (creationTime: number) => [
      { code: 0, message: usualEventTexts[0] ?? "", creationTime },
    ];
    const tasks = [5, 5, 5, 6, 5].map((time, i) => task(i + 1, { events: events(time) }));
    const running = task(6, { events: events(5), state: "Running", executorId: "e1", attempt: 1 });
    await store.commit([
      ...begin,
      ...[...tasks, running].map((record) => ({ kind: "task.put", record }) as const),
    ]);
    const { openTasks } = await store.load();
    expect(openTasks).toEqual([...tasks, running]);
    const lists = openTasks.map((one) => one.events);
    expect([lists[1] === lists[0], lists[2] === lists[0]]).toEqual([true, true]);
    expect(lists[3]).not.toBe(lists[2]);
    await store.close();
  });
});
