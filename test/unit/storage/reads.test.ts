import { describe, expect, it } from "@jest/globals";
import type { Change } from "../../../src/model/change.ts";
import { bytesAtOnce, rowsAtOnce } from "../../../src/storage/in-pieces.ts";
import type { Store } from "../../../src/storage/store.ts";
import { application, mine, session, task } from "./records.ts";
import { storeForEachTest, storeKinds } from "./store-kinds.ts";

describe.each(storeKinds)("a read of the $name store", (kind) => {
  let store: Store;
  storeForEachTest(kind, (opened) => {
    store = opened;
  });

  it("of more than one piece has all of it, in order and without a gap, and others have their turn between", async () => {
    const count = 2 * rowsAtOnce + 5;
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const input = Buffer.alloc(bytesAtOnce / 100, "x");
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      ...ids.map(
        (id) =>
          ({ kind: "task.put", record: task(id, { inputBytes: input.length }), input }) as const,
      ),
      // Of each number another task than the one before was made: no two of them are one range.
      ...ids.map(
        (id) =>
          ({
            kind: "submits.put",
            range: { sessionId: "my-app-1", producer: "p", first: id, firstTask: id % 2, count: 1 },
          }) as const,
      ),
    ]);
    let turns = 0;
    const countTurn = (): void => {
      turns++;
      counting = setImmediate(countTurn);
    };
    let counting = setImmediate(countTurn);
    const tasks = await store.readTasks(mine, 0, count - 1);
    expect(tasks?.map(({ id }) => id)).toEqual(ids.slice(0, -1));
    const ranges = await store.readSubmits(mine, "p");
    expect(ranges?.map(({ first }) => first)).toEqual(ids);
    const within = await store.readSubmits(mine, "p", { first: 3, count: rowsAtOnce + 2 });
    expect(within?.map(({ first }) => first)).toEqual(ids.slice(2, rowsAtOnce + 4));
    const ofLists = turns;
    const payloads = await store.readPayloads(tasks ?? [], "input");
    expect(payloads.every((one) => one?.equals(input))).toBe(true);
    clearImmediate(counting);
    expect(payloads).toHaveLength(count - 1);
    // Memory is read at once.
    expect([ofLists >= 4, turns - ofLists >= 4]).toEqual([kind.durable, kind.durable]);
  });

  it("finds nothing of an earlier session or task of that id, nor of a later one", async () => {
    const range = { sessionId: "my-app-1", producer: "p", first: 1, firstTask: 1, count: 1 };
    const put = (creationTime: number, text: string): Change[] => [
      {
        kind: "session.put",
        record: session({ creationTime, commonDataBytes: 3 }),
        commonData: Buffer.from(text),
      },
      {
        kind: "task.put",
        record: task(1, { creationTime: creationTime + 1, inputBytes: 3 }),
        input: Buffer.from(text),
      },
      { kind: "submits.put", range },
    ];
    const read = async (creationTime: number): Promise<unknown[]> => {
      const key = { id: "my-app-1", creationTime };
      const ofTask = { sessionId: "my-app-1", id: 1, creationTime: creationTime + 1 };
      const [commonData] = await store.readCommonData([key]);
      const [input] = await store.readPayloads([ofTask], "input");
      const found = await store.readTask(key, 1);
      const tasks = await store.readTasks(key, 0, 10);
      const submits = await store.readSubmits(key, "p");
      return [commonData?.toString(), input?.toString(), found?.id, tasks?.length, submits?.length];
    };
    const nothing = [undefined, undefined, undefined, undefined, undefined];
    await store.commit([{ kind: "application.put", record: application(1) }, ...put(2000, "old")]);
    expect(await read(2000)).toEqual(["old", "old", 1, 1, 1]);
    expect(await read(5000)).toEqual(nothing);
    await store.commit([{ kind: "session.delete", id: "my-app-1" }, ...put(5000, "new")]);
    expect(await read(2000)).toEqual(nothing);
    expect(await read(5000)).toEqual(["new", "new", 1, 1, 1]);
  });

  it("of a list that is read while its session is deleted nothing is left, and of no other session", async () => {
    const ids = Array.from({ length: 3 * rowsAtOnce }, (_, i) => i + 1);
    const ended = (id: number, time: number): Change => ({
      kind: "task.put",
      record: task(id, { state: "Succeed", creationTime: time, completionTime: time }),
    });
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      ...ids.map((id) => ended(id, 3000)),
    ]);
    const reading = store.readTasks(mine, 0, ids.length);
    await store.commit([
      { kind: "session.delete", id: "my-app-1" },
      { kind: "session.put", record: session({ creationTime: 5000 }) },
      ...ids.map((id) => ended(id, 6000)),
    ]);
    const times = new Set((await reading)?.map(({ creationTime }) => creationTime));
    expect([[], [3000]]).toContainEqual([...times]);
  });
});
