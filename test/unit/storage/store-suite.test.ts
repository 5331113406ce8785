import { describe, expect, it } from "@jest/globals";
import { noTasks } from "../../../src/model/session.ts";
import type { Store } from "../../../src/storage/store.ts";
import { application, commonDataOf, counted, mine, payloadOf, session, task } from "./records.ts";
import { storeForEachTest, storeKinds } from "./store-kinds.ts";

describe.each(storeKinds)("the $name store", (kind) => {
  let store: Store;
  const reopen = storeForEachTest(kind, (opened) => {
    store = opened;
  });

  it("is empty at first", async () => {
    expect(await store.load()).toEqual({
      applications: [],
      manifestChars: 0,
      pinnedRevisions: [],
      sessions: [],
      openTasks: [],
      submits: [],
      executors: [],
      nodes: [],
    });
  });

  it("gives an application back as it was put, absent fields absent", async () => {
    const seeded = application(1, { origin: "default", lastSeeded: { command: "/bin/v1" } });
    await store.commit([{ kind: "application.put", record: seeded }]);
    await reopen();
    const { applications, manifestChars } = await store.load();
    expect(applications).toEqual([seeded]);
    expect(manifestChars).toBe(JSON.stringify(seeded.manifest).length);
    expect(applications[0]?.manifest).not.toHaveProperty("url");
  });

  it("keeps the revision that a session is pinned to when the application changes", async () => {
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      { kind: "application.put", record: application(2) },
    ]);
    await reopen();
    const state = await store.load();
    expect(state.applications.map((one) => one.revision)).toEqual([2]);
    expect(state.pinnedRevisions.map((one) => [one.revision, one.spec.command])).toEqual([
      [1, "/bin/v1"],
    ]);
  });

  it("keeps what producers submitted in ranges that grow, until the session is deleted", async () => {
    const range = { sessionId: "my-app-1", producer: "p", first: 1, firstTask: 1, count: 2 };
    const put = (extra: Partial<typeof range>) =>
      ({ kind: "submits.put", range: { ...range, ...extra } }) as const;
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      put({}),
      put({ producer: "q", firstTask: 3, count: 1 }),
    ]);
    await store.commit([put({ count: 5 }), put({ first: 6, firstTask: 0, count: 1 })]);
    await reopen();
    const ofP = [
      { ...range, count: 5 },
      { ...range, first: 6, firstTask: 0, count: 1 },
    ];
    const ofQ = { ...range, producer: "q", firstTask: 3, count: 1 };
    expect((await store.load()).submits).toEqual([...ofP, ofQ]);
    expect(await store.readSubmits(mine, "p")).toEqual(ofP);
    expect(await store.readSubmits(mine, "nobody")).toEqual([]);
    const within = (first: number, count: number) => store.readSubmits(mine, "p", { first, count });
    expect(await Promise.all([within(2, 1), within(5, 2), within(6, 9), within(7, 1)])).toEqual([
      [ofP[0]],
      ofP,
      [ofP[1]],
      [],
    ]);
    const closed = session({ state: "Closed", completionTime: 5000 });
    await store.commit([{ kind: "session.put", record: closed }]);
    expect((await store.load()).submits).toEqual([]);
    expect(await store.readSubmits(mine, "q")).toEqual([ofQ]);
    await store.commit([{ kind: "session.delete", id: "my-app-1" }]);
    await store.commit([{ kind: "session.put", record: session() }]);
    expect(await store.readSubmits(mine, "p")).toEqual([]);
  });

  it("gives sessions, open tasks, counts and the last task id back", async () => {
    const done = task(1, { state: "Succeed", completionTime: 4000, attempt: 1, outputBytes: 2 });
    await store.commit([
      { kind: "application.put", record: application(1) },
      {
        kind: "session.put",
        record: session({
          commonDataBytes: 3,
          maxInstances: 2,
          clients: ["c1"],
          packages: ["six"],
          ownerId: "name alice",
        }),
        commonData: Buffer.from("abc"),
      },
      { kind: "task.put", record: task(1, { inputBytes: 0 }), input: Buffer.alloc(0) },
      { kind: "task.put", record: task(2) },
      { kind: "task.put", record: task(3, { state: "Running", executorId: "e1", attempt: 2 }) },
      { kind: "task.put", record: { ...done, inputBytes: 0 }, output: Buffer.from("ok") },
      counted({ pending: 1, running: 1, succeed: 1 }, 3),
    ]);
    await reopen();
    const state = await store.load();
    expect(state.sessions).toEqual([
      {
        record: session({
          commonDataBytes: 3,
          maxInstances: 2,
          clients: ["c1"],
          packages: ["six"],
          ownerId: "name alice",
        }),
        counts: { pending: 1, running: 1, succeed: 1, failed: 0, cancelled: 0 },
        lastTaskId: 3,
      },
    ]);
    expect(state.openTasks).toEqual([
      task(2),
      task(3, { state: "Running", executorId: "e1", attempt: 2 }),
    ]);
    expect(await store.readTask(mine, 1)).toEqual({ ...done, inputBytes: 0 });
    expect((await commonDataOf(store))?.toString()).toBe("abc");
  });

  it("keeps the latest counts of a session, and none of one that was deleted and made anew", async () => {
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      { kind: "task.put", record: task(1) },
      counted({ pending: 1 }, 1),
      { kind: "task.put", record: task(1, { state: "Running", executorId: "e1" }) },
      counted({ running: 1 }, 1),
    ]);
    const [before] = (await store.load()).sessions;
    expect([before?.counts, before?.lastTaskId]).toEqual([{ ...noTasks(), running: 1 }, 1]);
    await store.commit([
      { kind: "session.delete", id: "my-app-1" },
      { kind: "session.put", record: session() },
    ]);
    await reopen();
    const [after] = (await store.load()).sessions;
    expect([after?.counts, after?.lastTaskId]).toEqual([noTasks(), 0]);
  });

  it("remembers which closed sessions have no objects any more, and not of a later session of the id", async () => {
    const closed = session({ state: "Closed", completionTime: 9 });
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: closed },
      { kind: "session.put", record: { ...closed, id: "other" } },
      { kind: "sessions.objectsDeleted", ids: ["my-app-1", "other", "never was"] },
      { kind: "session.delete", id: "other" },
      { kind: "session.put", record: { ...closed, id: "other" } },
    ]);
    await reopen();
    const { sessions } = await store.load();
    expect(sessions.map(({ record }) => [record.id, record.objectsDeleted])).toEqual([
      ["my-app-1", true],
      ["other", undefined],
    ]);
  });

  it("tells an absent payload from an empty one", async () => {
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      { kind: "task.put", record: task(1, { inputBytes: 0 }), input: Buffer.alloc(0) },
      { kind: "task.put", record: task(2) },
    ]);
    expect(await payloadOf(store, 1, "input")).toEqual(Buffer.alloc(0));
    expect(await payloadOf(store, 2, "input")).toBeUndefined();
    expect(await payloadOf(store, 1, "output")).toBeUndefined();
    expect(await commonDataOf(store)).toBeUndefined();
    expect(await store.readTask(mine, 9)).toBeUndefined();
  });

  it("pages through the tasks of a session in ascending order", async () => {
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      ...[1, 2, 3, 4, 5].map((id) => ({ kind: "task.put", record: task(id) }) as const),
    ]);
    expect((await store.readTasks(mine, 0, 2))?.map((one) => one.id)).toEqual([1, 2]);
    expect((await store.readTasks(mine, 2, 10))?.map((one) => one.id)).toEqual([3, 4, 5]);
    expect(await store.readTasks(mine, 5, 10)).toEqual([]);
  });

  it("cancels only what is Pending", async () => {
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      { kind: "task.put", record: task(1) },
      { kind: "task.put", record: task(2, { state: "Failed", completionTime: 1 }) },
      { kind: "tasks.cancel", sessionId: "my-app-1", time: 77, count: 1 },
    ]);
    expect(await store.readTask(mine, 1)).toMatchObject({ state: "Cancelled", completionTime: 77 });
    expect(await store.readTask(mine, 2)).toMatchObject({ state: "Failed", completionTime: 1 });
  });

  it("deletes a session with its tasks and payloads, so that its id can be used again", async () => {
    await store.commit([
      { kind: "application.put", record: application(1) },
      {
        kind: "session.put",
        record: session({ commonDataBytes: 1 }),
        commonData: Buffer.from("x"),
      },
      { kind: "task.put", record: task(1, { inputBytes: 1 }), input: Buffer.from("x") },
      { kind: "session.delete", id: "my-app-1" },
      { kind: "session.put", record: session() },
      { kind: "task.put", record: task(1) },
    ]);
    await reopen();
    expect(await payloadOf(store, 1, "input")).toBeUndefined();
    expect(await commonDataOf(store)).toBeUndefined();
    expect((await store.load()).sessions).toHaveLength(1);
  });

  it("keeps which clients a session ends with, and that it no longer ends with them", async () => {
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session({ clients: ["c1"] }) },
      { kind: "session.put", record: session({ id: "other", clients: ["c1"] }) },
      { kind: "session.put", record: session({ clients: ["c1", "c2"] }) },
      { kind: "session.put", record: session({ id: "other" }) },
    ]);
    await reopen();
    const records = (await store.load()).sessions.map(({ record }) => record);
    expect(records.map(({ id, clients }) => [id, clients])).toEqual([
      ["my-app-1", ["c1", "c2"]],
      ["other", undefined],
    ]);
  });

  it("deletes a session of many tasks for everybody at once, its bytes later, and its id is free", async () => {
    const many = Array.from({ length: 2500 }, (_, i) =>
      task(i + 1, { state: "Succeed", completionTime: 9, inputBytes: 1 }),
    );
    await store.commit([
      { kind: "application.put", record: application(1) },
      {
        kind: "session.put",
        record: session({ state: "Closed", completionTime: 9, commonDataBytes: 1 }),
        commonData: Buffer.from("c"),
      },
      { kind: "session.put", record: session({ id: "other" }) },
      ...many.map((record) => ({ kind: "task.put", record, input: Buffer.from("x") }) as const),
      { kind: "task.put", record: task(1, { sessionId: "other" }) },
      counted({ succeed: 2500 }, 2500),
    ]);
    await store.commit([{ kind: "session.delete", id: "my-app-1" }]);
    const gone = async (): Promise<void> => {
      expect((await store.load()).sessions.map(({ record }) => record.id)).toEqual(["other"]);
      expect(await store.readTask(mine, 2500)).toBeUndefined();
      expect(await store.readTasks(mine, 0, 10)).toBeUndefined();
      expect(await payloadOf(store, 2500, "input")).toBeUndefined();
      expect(await commonDataOf(store)).toBeUndefined();
    };
    await gone();
    await store.cleanUp();
    await reopen();
    await gone();
    // Before the rest of the old one has gone.
    await store.commit([
      { kind: "session.put", record: session() },
      { kind: "task.put", record: task(1) },
    ]);
    expect(store.isLeaving("my-app-1")).toBe(false);
    while (await store.cleanUp());
    await reopen();
    expect((await store.load()).sessions).toHaveLength(2);
    expect(await store.readTasks(mine, 0, 10)).toEqual([task(1)]);
    expect(await store.readTask({ ...mine, id: "other" }, 1)).toBeDefined();
  });

  it("cleans up after many sessions that go together, and a new application of that name has none of them", async () => {
    const ids = Array.from({ length: 30 }, (_, i) => `s${i}`);
    await store.commit([
      { kind: "application.put", record: application(1) },
      ...ids.map((id) => ({ kind: "session.put", record: session({ id }) }) as const),
      ...ids.map((sessionId) => ({ kind: "task.put", record: task(1, { sessionId }) }) as const),
      {
        kind: "application.delete",
        name: "my-app",
        removal: { time: 9, author: "alice (test)", revision: 1 },
      },
      ...ids.map((id) => ({ kind: "session.delete", id }) as const),
      { kind: "application.put", record: application(1) },
    ]);
    const none = async (): Promise<void> => {
      const { sessions, openTasks, applications } = await store.load();
      expect([sessions, openTasks, applications.length]).toEqual([[], [], 1]);
    };
    await none();
    while (await store.cleanUp());
    await reopen();
    await none();
  });

  it("deletes an application with its revisions; its closed sessions stay until each is deleted", async () => {
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session({ state: "Closed", completionTime: 5 }) },
      { kind: "task.put", record: task(1, { state: "Succeed", completionTime: 4 }) },
      {
        kind: "application.delete",
        name: "my-app",
        removal: { time: 9, author: "alice (test)", revision: 1 },
      },
    ]);
    await reopen();
    const left = await store.load();
    expect([left.applications, left.sessions.length]).toEqual([[], 1]);
    expect(await store.readRevisions("my-app")).toEqual([]);
    await store.commit([{ kind: "session.delete", id: "my-app-1" }]);
    await reopen();
    const state = await store.load();
    expect([state.applications, state.sessions, state.openTasks]).toEqual([[], [], []]);
    expect(await store.readTask(mine, 1)).toBeUndefined();
  });

  it("gives nodes and executors back, and forgets deleted ones", async () => {
    const node = {
      name: "n1",
      state: "Ready",
      capacity: { cpu: 2, memory: 10, gpu: 0 },
      allocatable: { cpu: 2, memory: 9, gpu: 0 },
      arch: "x86_64",
      os: "linux",
      shim: "Host",
      lastHeartbeat: 5,
      instance: "i1",
      address: "10.0.0.1:4711",
    } as const;
    const published = {
      name: "n3",
      state: "NotReady",
      capacity: node.capacity,
      allocatable: node.allocatable,
      arch: "x86_64",
      os: "linux",
      lastHeartbeat: 6,
    } as const;
    const executor = {
      id: "e1",
      node: "n1",
      resreq: { cpu: 1, memory: 2, gpu: 0 },
      shim: "Host",
      state: "Bound",
      sessionId: "s",
    } as const;
    await store.commit([
      { kind: "node.put", record: node },
      { kind: "node.put", record: { ...node, name: "n2" } },
      { kind: "node.put", record: { ...published, instance: "i2" } },
      { kind: "node.put", record: published },
      { kind: "executor.put", record: { ...executor, state: "Binding" } },
      { kind: "executor.put", record: executor },
      { kind: "executor.put", record: { ...executor, id: "e2" } },
      { kind: "executor.delete", id: "e2" },
      { kind: "node.delete", name: "n2" },
    ]);
    await reopen();
    const state = await store.load();
    expect(state.nodes).toEqual([node, published]);
    expect(state.executors).toEqual([executor]);
  });

  it("refuses a task of a session that does not exist, and keeps what was there", async () => {
    await store.commit([{ kind: "application.put", record: application(1) }]);
    const broken = async (): Promise<void> => store.commit([{ kind: "task.put", record: task(1) }]);
    await expect(broken()).rejects.toThrow(/session|FOREIGN KEY/);
    expect((await store.load()).applications).toHaveLength(1);
  });
});
