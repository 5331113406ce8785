import { beforeEach, describe, expect, it } from "@jest/globals";
import type { SessionRecord } from "../../../src/model/session.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import { Payloads } from "../../../src/session-manager/engine/payloads.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import type { Store } from "../../../src/storage/store.ts";

const session = (id = "s", creationTime = 1): SessionRecord => ({
  id,
  application: "a",
  applicationRevision: 1,
  state: "Open",
  creationTime,
  resreq: { cpu: 1, memory: 1, gpu: 0 },
  minInstances: 0,
  priority: 0,
  owner: "anonymous",
  commonDataBytes: 1,
  events: [],
});
const task = (id: number, extra: Partial<TaskRecord> = {}): TaskRecord => ({
  sessionId: "s",
  id,
  state: "Succeed",
  creationTime: 1,
  completionTime: 2,
  outputBytes: 4,
  attempt: 1,
  crashes: 0,
  lostNodes: 0,
  term: 0,
  events: [],
  ...extra,
});

/** Counts what is read. */
class CountingStore extends MemoryStore {
  readonly reads: number[] = [];

  override readPayloads(
    ...asked: Parameters<Store["readPayloads"]>
  ): ReturnType<Store["readPayloads"]> {
    this.reads.push(asked[0].length);
    return super.readPayloads(...asked);
  }
}

let store: CountingStore;
let payloads: Payloads;
beforeEach(async () => {
  store = new CountingStore();
  payloads = new Payloads(store, 10_000);
  await store.commit([
    { kind: "session.put", record: session(), commonData: Buffer.from("c") },
    ...[1, 2, 3].map(
      (id) => ({ kind: "task.put", record: task(id), output: Buffer.from(`out${id}`) }) as const,
    ),
    { kind: "task.put", record: task(4, { outputBytes: undefined }) },
  ]);
});

describe("payload bytes", () => {
  it("of many tasks are one read, of those alone that are not at hand", async () => {
    const [first, second, third, none] = [
      task(1),
      task(2),
      task(3),
      task(4, { outputBytes: undefined }),
    ];
    payloads.keep(second, "output", Buffer.from("kept"));
    expect(payloads.atHand(second, "output")?.toString()).toBe("kept");
    expect(payloads.atHand(first, "output")).toBe("stored");
    expect(payloads.atHand(none, "output")).toBeUndefined();
    const read = await payloads.read([third, none, second, first], "output");
    expect(read.map((one) => one?.toString())).toEqual(["out3", undefined, "kept", "out1"]);
    expect(store.reads).toEqual([2]);
    await payloads.read([second, none], "output");
    expect(store.reads).toEqual([2]);
  });

  it("of a session that was deleted meanwhile are gone, and not taken for none, also when its id is used again", async () => {
    await store.commit([{ kind: "session.delete", id: "s" }]);
    expect(await payloads.read([task(1)], "output")).toEqual(["gone"]);
    expect(
      await payloads.commonData([session(), { ...session(), commonDataBytes: undefined } as never]),
    ).toEqual(["gone", undefined]);
    await store.commit([
      { kind: "session.put", record: session("s", 5), commonData: Buffer.from("n") },
      { kind: "task.put", record: task(1, { creationTime: 6 }), output: Buffer.from("new") },
    ]);
    expect(await payloads.read([task(1)], "output")).toEqual(["gone"]);
    expect(await payloads.commonData([session()])).toEqual(["gone"]);
    expect(await payloads.commonData([session("s", 5)])).toEqual([Buffer.from("n")]);
    await expect(
      payloads.task({ stored: { session: { id: "s", creationTime: 1 }, taskId: 1 } }),
    ).rejects.toThrow("task 1 of session s not found");
  });
});
