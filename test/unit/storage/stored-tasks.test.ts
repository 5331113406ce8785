import { describe, expect, it } from "@jest/globals";
import { usualEventTexts } from "../../../src/model/event.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import type { Store } from "../../../src/storage/store.ts";
import { application, mine, payloadOf, session, task } from "./records.ts";
import { storeForEachTest, storeKinds } from "./store-kinds.ts";

// Another part of the suite that holds every store to its words: tasks come back as they were put.

describe.each(storeKinds)("tasks in the $name store", (kind) => {
  let store: Store;
  const reopen = storeForEachTest(kind, (opened) => {
    store = opened;
  });

  it("gives payloads of every size back, whatever is written of their task afterwards", async () => {
    const sizes = [0, 1, 384, 385, 5_000, 300_000];
    const bytes = (size: number, fill: number): Buffer => Buffer.alloc(size, fill);
    const sized = (size: number, id: number, extra: Partial<TaskRecord> = {}): TaskRecord =>
      task(id, { inputBytes: size, ...extra });
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      ...sizes.map(
        (size, i) =>
          ({ kind: "task.put", record: sized(size, i + 1), input: bytes(size, 1) }) as const,
      ),
    ]);
    await store.commit(
      sizes.map((size, i) => ({
        kind: "task.put",
        record: sized(size, i + 1, { state: "Running", executorId: "e1", attempt: 1 }),
      })),
    );
    const ended = (size: number, i: number): TaskRecord =>
      sized(size, i + 1, { state: "Succeed", completionTime: 9, attempt: 1, outputBytes: size });
    await store.commit(
      sizes.map((size, i) => ({
        kind: "task.put",
        record: ended(size, i),
        output: bytes(size, 2),
      })),
    );
    await store.commit(sizes.map((size, i) => ({ kind: "task.put", record: ended(size, i) })));
    await reopen();
    expect(await store.readTasks(mine, 0, 10)).toEqual(sizes.map(ended));
    for (const [i, size] of sizes.entries()) {
      expect(await payloadOf(store, i + 1, "input")).toEqual(bytes(size, 1));
      expect(await payloadOf(store, i + 1, "output")).toEqual(bytes(size, 2));
    }
  });

  it("keeps a deadline whatever is written of the task afterwards, and none where there is none", async () => {
    const deadline = 1_790_000_000_123;
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session() },
      { kind: "task.put", record: task(1, { deadline }) },
      { kind: "task.put", record: task(2) },
    ]);
    const begun = { state: "Running", executorId: "e1", attempt: 1, deadline } as const;
    await store.commit([{ kind: "task.put", record: task(1, begun) }]);
    await reopen();
    const open = (await store.load()).openTasks;
    expect(open.map((one) => [one.id, one.deadline])).toEqual([
      [1, deadline],
      [2, undefined],
    ]);
    expect(await store.readTasks(mine, 0, 10)).toEqual([task(1, begun), task(2)]);
  });

  it("gives events back as they were, with usual texts and with others, at any times", async () => {
    const usual = Object.entries(usualEventTexts).map(([code, message], i) => ({
      code: Number(code),
      message,
      // The clock was set back in between.
      creationTime: [1_790_000_000_000, 1_789_999_999_000, 1_790_000_000_123][i] ?? 0,
    }));
    const odd = { code: 3, message: "1.a 2.b [\u{1f525}", creationTime: 1_790_000_000_200 };
    const lists = [
      [],
      usual.slice(0, 1),
      usual,
      [...usual, odd],
      [odd],
      // A code that has a usual text, with another one.
      [{ code: 0, message: "", creationTime: 1 }],
      [{ code: 0, message: usualEventTexts[1] ?? "", creationTime: 0 }],
      [{ code: 0, message: usualEventTexts[0] ?? "", creationTime: -5 }],
    ];
    await store.commit([
      { kind: "application.put", record: application(1) },
      { kind: "session.put", record: session({ events: usual }) },
      ...lists.map((events, i) => ({ kind: "task.put", record: task(i + 1, { events }) }) as const),
    ]);
    await reopen();
    expect((await store.readTasks(mine, 0, 10))?.map(({ events }) => events)).toEqual(lists);
    expect((await store.load()).sessions[0]?.record.events).toEqual(usual);
  });
});
