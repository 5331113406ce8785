import { expect, it } from "@jest/globals";
import type { Change } from "../../../src/model/change.ts";
import type { TaskState } from "../../../src/model/task.ts";
import { mergeTaskChanges } from "../../../src/storage/merge-task-changes.ts";
import { counted, session, task } from "./records.ts";

const put = (
  id: number,
  state: TaskState,
  extra: { input?: Buffer; output?: Buffer } = {},
): Change => ({
  kind: "task.put",
  record: task(id, { state }),
  ...extra,
});

it("leaves changes as they are when no task is written twice", () => {
  const changes = [put(1, "Pending"), put(2, "Pending"), counted({ pending: 2 }, 2)];
  expect(mergeTaskChanges(changes)).toBe(changes);
});

it("writes each task once: as it is in the end, where it came first, with both payloads", () => {
  const input = Buffer.from("in");
  const output = Buffer.from("out");
  const changes = [
    put(1, "Pending", { input }),
    put(2, "Pending"),
    put(1, "Running"),
    counted({ pending: 1, succeed: 1 }, 2),
    put(1, "Succeed", { output }),
  ];
  expect(mergeTaskChanges(changes)).toEqual([
    put(1, "Succeed", { input, output }),
    put(2, "Pending"),
    counted({ pending: 1, succeed: 1 }, 2),
  ]);
});

it("takes tasks of one number in two sessions for two", () => {
  const other: Change = {
    kind: "task.put",
    record: task(1, { sessionId: "other", state: "Running" }),
  };
  const changes = [put(1, "Pending"), other, put(1, "Succeed")];
  expect(mergeTaskChanges(changes)).toEqual([put(1, "Succeed"), other]);
});

it("merges nothing over a deletion, behind which the ids are of another session", () => {
  const gone: Change = { kind: "session.delete", id: "my-app-1" };
  const anew: Change = { kind: "session.put", record: session() };
  const changes = [put(1, "Succeed"), gone, anew, put(1, "Pending")];
  expect(mergeTaskChanges(changes)).toBe(changes);
});

it("merges nothing over a cancellation, which takes what is Pending at its place", () => {
  const cancel: Change = { kind: "tasks.cancel", sessionId: "my-app-1", time: 1, count: 0 };
  const changes = [put(1, "Running"), cancel, put(1, "Pending")];
  expect(mergeTaskChanges(changes)).toBe(changes);
});
