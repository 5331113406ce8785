import { EventEmitter } from "node:events";
import { beforeEach, describe, expect, it } from "@jest/globals";
import type { WorkPush } from "../../../src/executors/node-book.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import type { WorkResponse } from "../../../src/protocol/generated/flame/stream/v1/nodes.ts";
import {
  WorkOutbox,
  type WorkOutboxDeps,
} from "../../../src/session-manager/backend/work-outbox.ts";
import { RequestTrail } from "../../../src/session-manager/calls/request-trail.ts";
import { Payloads } from "../../../src/session-manager/engine/payloads.ts";
import { HeldReads } from "./held-reads.ts";

const task = (id: number): TaskRecord => ({
  sessionId: "s",
  id,
  state: "Running",
  creationTime: 2,
  inputBytes: 2,
  attempt: 1,
  crashes: 0,
  lostNodes: 0,
  term: 0,
  executorId: "e1",
  events: [],
});
const lease = (id: number): WorkPush => ({
  kind: "assignment",
  executorId: "e1",
  lease: { term: 1, number: BigInt(id), attempt: 1 } as never,
  task: task(id),
});
const leave: WorkPush = { kind: "leave", executorId: "e1" };

/** A stream of a node that takes what is written, or says that it is full. */
class Call extends EventEmitter {
  readonly messages: WorkResponse[] = [];
  takes = true;

  write(message: WorkResponse): boolean {
    this.messages.push(message);
    return this.takes;
  }
}

let store: HeldReads;
let payloads: Payloads;
let call: Call;
let trail: RequestTrail;
let outbox: WorkOutbox;
let failed: string[];
let told: string[];

beforeEach(async () => {
  store = new HeldReads();
  await store.makeSession("s", 1);
  await store.commit(
    [1, 2, 3, 4].map((id) => ({
      kind: "task.put",
      record: task(id),
      input: Buffer.from(`i${id}`),
    })),
  );
  payloads = new Payloads(store, 1_000_000);
  call = new Call();
  trail = new RequestTrail();
  [failed, told] = [[], []];
  outbox = new WorkOutbox({
    call: call as unknown as WorkOutboxDeps["call"],
    payloads,
    trail,
    onAssigned: ({ taskId }) => told.push(taskId),
    onFailed: ({ message }) => failed.push(message),
  });
});
async function settle(): Promise<void> {
  for (let round = 0; round < 4; round++) await new Promise((resolve) => setImmediate(resolve));
}
const leases = (): string[] =>
  call.messages.map(({ assignments, leaves }) =>
    [
      ...assignments.map(({ taskId, input }) => `${taskId}:${input?.toString() ?? "-"}`),
      ...leaves.map(() => "leave"),
    ].join(" "),
  );

describe("leases on a stream of a node", () => {
  it("leave with inputs that are at hand without a read, and the rest of a message is one read", async () => {
    payloads.keep(task(1), "input", Buffer.from("i1"));
    outbox.add(lease(1));
    await settle();
    expect([leases(), store.asked]).toEqual([["1:i1"], []]);
    payloads.keep(task(3), "input", Buffer.from("i3"));
    for (const id of [2, 3, 4]) outbox.add(lease(id));
    await settle();
    expect([leases()[1], store.asked]).toEqual(["2:i2 3:i3 4:i4", ["inputs 2"]]);
    expect(told).toEqual(["1", "2", "3", "4"]);
  });

  it("keep their order: what comes while a message is read waits behind it", async () => {
    store.hold();
    outbox.add(lease(2));
    await settle();
    payloads.keep(task(1), "input", Buffer.from("i1"));
    outbox.add(lease(1));
    outbox.add(leave);
    call.emit("drain");
    await settle();
    expect(leases()).toEqual([]);
    store.letGo();
    await settle();
    expect(leases()).toEqual(["2:i2", "1:i1 leave"]);
  });

  it("wait for the node to read also when they were read from the store", async () => {
    store.hold();
    call.takes = false;
    outbox.add(lease(2));
    await settle();
    outbox.add(lease(3));
    store.letGo();
    await settle();
    expect(leases()).toEqual(["2:i2"]);
    call.takes = true;
    call.emit("drain");
    await settle();
    expect(leases()).toEqual(["2:i2", "3:i3"]);
  });

  it("that came before their tasks were in the store take their inputs along, whatever the cache drops meanwhile", async () => {
    const early = { ...lease(9), task: { ...task(9), inputBytes: 2 } } as WorkPush;
    expect(outbox.addEarly(early)).toBe(false);
    payloads.keep(task(9), "input", Buffer.from("i9"));
    expect(outbox.addEarly(early)).toBe(false);
    trail.madeTasks("s", 9, 1, "request");
    call.takes = false;
    outbox.add(leave);
    await settle();
    expect(outbox.addEarly(early)).toBe(true);
    payloads.drop("s");
    call.emit("drain");
    await settle();
    expect([leases(), store.asked]).toEqual([["leave", "9:i9"], []]);
  });

  it("of tasks that are deleted while they are read do not leave, the others do", async () => {
    store.hold();
    outbox.add(lease(2));
    outbox.add(lease(9));
    outbox.add(lease(3));
    await settle();
    store.letGo();
    await settle();
    expect(leases()).toEqual(["2:i2 3:i3"]);
    expect(told).toEqual(["2", "3"]);
  });

  it.each([
    ["", undefined],
    [", and a failing read is no matter then", new Error("disk I/O error")],
  ])("of a stream that ends while they are read do not leave%s", async (_, failure) => {
    store.hold();
    outbox.add(lease(2));
    await settle();
    outbox.close();
    store.letGo(failure);
    await settle();
    expect([leases(), told, failed]).toEqual([[], [], []]);
  });

  it("that cannot be read end the stream with why, and nothing leaves behind them", async () => {
    store.hold();
    outbox.add(lease(2));
    await settle();
    outbox.add(leave);
    store.letGo(new Error("disk I/O error"));
    await settle();
    outbox.add(leave);
    await settle();
    expect([leases(), failed]).toEqual([[], ["disk I/O error"]]);
  });
});
