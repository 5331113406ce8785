import { expect, it } from "@jest/globals";
import type { SessionRecord } from "../../../src/model/session.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import { Payloads } from "../../../src/session-manager/payloads.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";

const session: SessionRecord = {
  id: "s",
  application: "a",
  applicationRevision: 1,
  state: "Open",
  creationTime: 1,
  resreq: { cpu: 1, memory: 1, gpu: 0 },
  minInstances: 0,
  priority: 0,
  events: [],
} as unknown as SessionRecord;
const task: TaskRecord = {
  sessionId: "s",
  id: 1,
  state: "Succeed",
  creationTime: 1,
  completionTime: 2,
  outputBytes: 3,
  attempt: 1,
  crashes: 0,
  lostNodes: 0,
  term: 0,
  events: [],
};

it("an output whose session was deleted meanwhile is not taken for none", async () => {
  const store = new MemoryStore();
  const payloads = new Payloads(store, 1_000);
  await store.commit([
    { kind: "session.put", record: session },
    { kind: "task.put", record: task, output: Buffer.from("out") },
  ]);
  expect(payloads.of(task, "output")).toEqual(Buffer.from("out"));
  expect(payloads.of(task, "input")).toBeUndefined();
  await store.commit([{ kind: "session.delete", id: "s" }]);
  expect(() => payloads.of(task, "output")).toThrow("task 1 of session s not found");
});
