import { beforeEach, describe, expect, it } from "@jest/globals";
import type { TaskRecord } from "../../../src/model/task.ts";
import type { TasksResponse } from "../../../src/protocol/generated/flame/stream/v1/clients.ts";
import { Payloads } from "../../../src/session-manager/engine/payloads.ts";
import { LaneResults, TaskOutbox } from "../../../src/session-manager/frontend/task-outbox.ts";
import { HeldReads } from "./held-reads.ts";

const task = (id: number, extra: Partial<TaskRecord> = {}): TaskRecord => ({
  sessionId: "s",
  id,
  state: "Succeed",
  creationTime: 2,
  completionTime: 3,
  attempt: 1,
  crashes: 0,
  lostNodes: 0,
  term: 0,
  events: [],
  ...extra,
});
const key = { id: "s", creationTime: 1 };

let store: HeldReads;
let payloads: Payloads;
let outbox: TaskOutbox;
let messages: TasksResponse[];
let taken: (() => void)[];
let failed: string[];

beforeEach(async () => {
  [messages, taken, failed] = [[], [], []];
  store = new HeldReads();
  await store.makeSession("s", 1);
  payloads = new Payloads(store, 1_000_000);
  outbox = new TaskOutbox({
    call: {
      write: (message: TasksResponse, done: () => void) => {
        messages.push(message);
        taken.push(done);
        return true;
      },
    },
    payloads,
    soon: (act) => void setImmediate(act),
    onTaken: () => undefined,
    onFailed: ({ code, message }) => failed.push(`${code}: ${message}`),
  });
});

const lane = (id = 1): LaneResults => {
  const made = new LaneResults(id, "s");
  outbox.know(made, key);
  return made;
};
/** Until nothing happens any more; what is written has left. */
async function settle(): Promise<void> {
  for (let round = 0; round < 40; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    for (const done of taken.splice(0)) done();
  }
}
const numbers = (): number[] =>
  messages.flatMap(({ results }) =>
    results.flatMap(({ first, results: group }) =>
      group.map(({ offset }) => Number(first) + offset),
    ),
  );
const outputs = (): (string | undefined)[] =>
  messages.flatMap(({ results }) =>
    results.flatMap(({ results: group }) => group.map(({ output }) => output?.toString())),
  );
async function ended(ids: readonly number[], bytes = 2): Promise<void> {
  await store.commit(
    ids.map((id) => ({
      kind: "task.put",
      record: task(id, { outputBytes: bytes }),
      output: Buffer.alloc(bytes, String(id % 10)),
    })),
  );
}

describe("results on a stream of a client", () => {
  it("that were not taken are read in pieces, each at once, and others have their turn between two", async () => {
    const ids = Array.from({ length: 1_000 }, (_, at) => at + 1);
    await ended(ids, 0);
    const one = lane();
    for (const id of ids) outbox.result(one, id, id);
    outbox.credit(700, 1_000);
    await settle();
    const sizes = messages.map(({ results }) => results.flatMap((group) => group.results).length);
    expect(sizes).toEqual([256, 256, 188]);
    expect(store.asked).toEqual([
      "tasks 256",
      "outputs 256",
      "tasks 256",
      "outputs 256",
      "tasks 188",
      "outputs 188",
    ]);
    outbox.credit(1_000, 1_000);
    await settle();
    expect(numbers()).toEqual(ids);
  });

  it("at hand, and acknowledgements, leave while others are read; each number leaves once", async () => {
    await ended([1, 2, 3]);
    const one = lane();
    store.hold();
    outbox.result(one, 1, 1);
    outbox.result(one, 2, 2);
    outbox.credit(10, 1_000);
    await settle();
    expect(store.asked).toEqual(["tasks 2"]);
    payloads.keep(task(3), "output", Buffer.from("33"));
    outbox.result(one, 3, 3, task(3, { outputBytes: 2 }));
    outbox.acknowledge({ lane: 1, first: 1n, count: 3, firstTask: 1n, creationTime: 2 });
    await settle();
    expect(numbers()).toEqual([3]);
    expect(messages[0]?.acknowledgements).toHaveLength(1);
    store.letGo();
    await settle();
    expect(numbers()).toEqual([3, 1, 2]);
    expect(outputs()).toEqual(["33", "11", "22"]);
    expect(one.unsent.size).toBe(0);
  });

  it("whose outputs are no longer at hand are read, in one read for all", async () => {
    await ended([1, 2, 3]);
    const one = lane();
    for (const id of [1, 2, 3]) outbox.result(one, id, id, task(id, { outputBytes: 2 }));
    outbox.credit(10, 1_000);
    await settle();
    expect(store.asked).toEqual(["tasks 3", "outputs 3"]);
    expect([numbers(), outputs()]).toEqual([
      [1, 2, 3],
      ["11", "22", "33"],
    ]);
  });

  it("of up to 1 MiB are in the message, larger ones are said to be elsewhere", async () => {
    const mib = 1024 * 1024;
    await ended([1], mib);
    await ended([2], mib + 1);
    const one = lane();
    payloads.keep(task(3), "output", Buffer.alloc(100_000));
    outbox.result(one, 1, 1);
    outbox.result(one, 2, 2);
    outbox.result(one, 3, 3, task(3, { outputBytes: 100_000 }));
    outbox.credit(10, 10 * mib);
    await settle();
    const told = messages.flatMap(({ results }) => results.flatMap((group) => group.results));
    const sizes = told.map(({ output, elsewhere }) => (elsewhere ? "elsewhere" : output?.length));
    expect(sizes).toEqual([100_000, mib, "elsewhere"]);
  });

  it("that are read take the credit that is left when they leave, and wait for more", async () => {
    await ended([1, 2, 3]);
    const one = lane();
    store.hold();
    outbox.result(one, 1, 1);
    outbox.result(one, 2, 2);
    outbox.credit(2, 1_000);
    await settle();
    payloads.keep(task(3), "output", Buffer.from("33"));
    outbox.result(one, 3, 3, task(3, { outputBytes: 2 }));
    await settle();
    store.letGo();
    await settle();
    expect(numbers()).toEqual([3, 1]);
    expect(one.isHeld(2)).toBe(true);
    outbox.credit(1, 0);
    await settle();
    expect(numbers()).toEqual([3, 1, 2]);
  });

  it("of a lane that ends while they are read do not leave, those of others do", async () => {
    await ended([1, 2]);
    const [one, two] = [lane(1), lane(2)];
    store.hold();
    outbox.result(one, 1, 1);
    outbox.result(two, 1, 2);
    outbox.credit(10, 1_000);
    await settle();
    outbox.forget(one);
    outbox.end({ lane: 1, code: 5, message: "gone" });
    store.letGo();
    await settle();
    expect(messages.flatMap(({ results }) => results.map((group) => group.lane))).toEqual([2]);
    expect(messages.flatMap(({ ends }) => ends)).toHaveLength(1);
  });

  it.each([
    ["", undefined],
    [", and a failing read is no matter then", new Error("disk I/O error")],
  ])("of a stream that ends while they are read do not leave%s", async (_, failure) => {
    await ended([1]);
    const one = lane();
    store.hold();
    outbox.result(one, 1, 1);
    outbox.credit(10, 1_000);
    await settle();
    outbox.close();
    store.letGo(failure);
    await settle();
    expect([messages, failed]).toEqual([[], []]);
  });

  it("that cannot be read end the stream with why, and are not lost", async () => {
    await ended([1]);
    const one = lane();
    store.hold();
    outbox.result(one, 1, 1);
    outbox.credit(10, 1_000);
    await settle();
    store.letGo(new Error("disk I/O error"));
    await settle();
    expect(failed).toEqual([
      "unavailable: results could not be read from the store: disk I/O error; open a stream again and follow them",
    ]);
    expect(messages).toEqual([]);
    expect(one.isHeld(1)).toBe(true);
  });

  it("of a session that is deleted and made anew while they are read are said to be lost, none is of the other", async () => {
    await ended([1]);
    const one = lane();
    store.hold();
    outbox.result(one, 1, 1);
    outbox.credit(10, 1_000);
    await settle();
    await store.commit([{ kind: "session.delete", id: "s" }]);
    await store.makeSession("s", 9);
    await store.commit([
      {
        kind: "task.put",
        record: task(1, { creationTime: 10, outputBytes: 2 }),
        output: Buffer.from("no"),
      },
    ]);
    store.letGo();
    await settle();
    const [result] = messages.flatMap(({ results }) => results.flatMap((group) => group.results));
    expect(result?.lost).toBe("task 1 of session s not found");
  });

  it("of a lane whose session is not known yet wait for that", async () => {
    await ended([1]);
    const made = new LaneResults(1, "s");
    outbox.result(made, 1, 1);
    outbox.credit(10, 1_000);
    await settle();
    expect(messages).toEqual([]);
    outbox.know(made, key);
    await settle();
    expect(numbers()).toEqual([1]);
  });
});
