import { describe, expect, it } from "@jest/globals";
import type { Change } from "../../../src/model/change.ts";
import { noTasks } from "../../../src/model/session.ts";
import type { Store } from "../../../src/storage/store.ts";
import { mine, payloadOf, session, task } from "./records.ts";
import { storeForEachTest, storeKinds } from "./store-kinds.ts";

describe.each(storeKinds)("the $name store", (kind) => {
  let store: Store;
  const reopen = storeForEachTest(kind, (opened) => {
    store = opened;
  });

  it("forgets finished tasks of a session, those that ended first, with their payloads; open and held ones stay", async () => {
    const ended = (id: number, completionTime: number): Change => ({
      kind: "task.put",
      record: task(id, { state: "Succeed", completionTime, inputBytes: 1, outputBytes: 1 }),
      input: Buffer.from([id]),
      output: Buffer.from([id]),
    });
    await store.commit([
      { kind: "session.put", record: session() },
      // The second runs for long, the third ended before the first.
      ended(1, 30),
      { kind: "task.put", record: task(2) },
      ended(3, 20),
      ended(4, 40),
      ended(5, 50),
      ended(6, 60),
      {
        kind: "session.counts",
        id: "my-app-1",
        counts: { ...noTasks(), pending: 1, succeed: 5 },
        lastTaskId: 6,
      },
    ]);
    const left = async (): Promise<number[] | undefined> =>
      (await store.readTasks(mine, 0, 10))?.map(({ id }) => id);
    const nobody = (): boolean => false;
    expect(store.forgotten("my-app-1")).toBe(0);
    expect(await store.forgetFinished("my-app-1", 2, (id) => id === 1)).toBe(false);
    expect(await left()).toEqual([1, 2, 5, 6]);
    // The first was held, and is older than the sixth.
    expect(await store.forgetFinished("my-app-1", 2, nobody)).toBe(false);
    expect(await left()).toEqual([2, 6]);
    await reopen();
    expect(await left()).toEqual([2, 6]);
    expect(store.forgotten("my-app-1")).toBe(4);
    expect(await payloadOf(store, 5, "input")).toBeUndefined();
    expect(await payloadOf(store, 6, "output")).toEqual(Buffer.from([6]));
    const [found] = (await store.load()).sessions;
    expect([found?.counts.succeed, found?.lastTaskId]).toEqual([5, 6]);
    // It was passed by while it was open.
    await store.commit([ended(2, 70)]);
    await store.forgetFinished("my-app-1", 1, nobody);
    expect(await left()).toEqual([2]);
    await store.forgetFinished("my-app-1", 1, nobody);
    expect(await left()).toEqual([]);
    expect(await store.forgetFinished("my-app-1", 1, nobody)).toBe(true);
    expect(await store.forgetFinished("unknown", 2, nobody)).toBe(true);
    // A new session of that id has forgotten nothing.
    await store.commit([
      { kind: "session.delete", id: "my-app-1" },
      { kind: "session.put", record: session() },
    ]);
    expect(store.forgotten("my-app-1")).toBe(0);
  });
});
