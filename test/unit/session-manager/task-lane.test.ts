import { expect, it } from "@jest/globals";
import type { SubmitRange } from "../../../src/model/submits.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import type { TasksResponse } from "../../../src/protocol/generated/flame/stream/v1/clients.ts";
import type { Payloads } from "../../../src/session-manager/payloads.ts";
import { creationRuns, type OpenLane, storedRuns } from "../../../src/session-manager/task-lane.ts";
import { LaneResults, TaskOutbox } from "../../../src/session-manager/task-outbox.ts";

const lane = { sessionId: "s", producer: "p" } as OpenLane;
const range = (first: number, count: number, firstTask: number): SubmitRange => ({
  ...lane,
  first,
  count,
  firstTask,
});
const task = (id: number, creationTime = 1): TaskRecord => ({
  sessionId: "s",
  id,
  state: "Succeed",
  creationTime,
  completionTime: 2,
  attempt: 1,
  crashes: 0,
  lostNodes: 0,
  term: 0,
  events: [],
});

it("what became of submits to a closed session is read once, as runs", () => {
  let reads = 0;
  const readSubmits = (): SubmitRange[] => {
    reads++;
    return [range(1, 10, 5), range(11, 2, 0), range(13, 4, 15), range(17, 100, 40)];
  };
  expect(storedRuns({ readSubmits }, lane, { first: 4, count: 20 })).toEqual([
    { first: 4, count: 7, firstTask: 8 },
    { first: 11, count: 2, firstTask: 0 },
    { first: 13, count: 4, firstTask: 15 },
    { first: 17, count: 7, firstTask: 40 },
  ]);
  expect(reads).toBe(1);
  expect(storedRuns({ readSubmits: () => [range(1, 3, 7)] }, lane, { first: 3, count: 5 })).toEqual(
    [
      { first: 3, count: 1, firstTask: 9 },
      { first: 4, count: 4, firstTask: 0 },
    ],
  );
  const unknown = storedRuns({ readSubmits: () => [] }, lane, { first: 1, count: 2 });
  expect(unknown).toEqual([{ first: 1, count: 2, firstTask: 0 }]);
});

it("when known submits became tasks is read once, as runs; one that was forgotten has no time", () => {
  let reads = 0;
  const readTasks = (_: string, after: number, limit: number): TaskRecord[] => {
    reads++;
    const found = [task(5, 100), task(6, 100), task(8, 200), task(9, 200), task(11, 300)];
    return found.filter(({ id }) => id > after).slice(0, limit);
  };
  expect(creationRuns({ readTasks }, "s", 5, 5)).toEqual([
    { at: 0, count: 2, creationTime: 100 },
    { at: 2, count: 1, creationTime: 0 },
    { at: 3, count: 2, creationTime: 200 },
  ]);
  expect(reads).toBe(1);
});

it("results that were not taken are read in pieces, each at once, and others have their turn between two", () => {
  const reads: number[] = [];
  const messages: TasksResponse[] = [];
  const planned: (() => void)[] = [];
  let alone = 0;
  const payloads = {
    stored: (_: string, first: number, count: number) => {
      reads.push(count);
      return new Map(Array.from({ length: count }, (_, at) => [first + at, task(first + at)]));
    },
    task: () => {
      alone++;
      return task(1);
    },
    of: () => undefined,
  } as unknown as Payloads;
  const outbox = new TaskOutbox({
    call: {
      write: (message: TasksResponse, taken: () => void) => {
        messages.push(message);
        taken();
        return true;
      },
    },
    payloads,
    soon: (act) => planned.push(act),
    onTaken: () => undefined,
  });
  const results = new LaneResults(1, "s");
  for (let number = 1; number <= 1_000; number++) outbox.result(results, number, number + 7);
  outbox.credit(700, 1_000);
  while (planned.length > 0) planned.shift()?.();
  const sizes = messages.map((message) => message.results.flatMap((one) => one.results).length);
  expect(sizes).toEqual([256, 256, 188]);
  expect([reads, alone]).toEqual([[256, 256, 188], 0]);
  outbox.credit(1_000, 1_000);
  while (planned.length > 0) planned.shift()?.();
  const numbers = messages.flatMap((message) =>
    message.results.flatMap(({ first, results: group }) =>
      group.map(({ offset }) => Number(first) + offset),
    ),
  );
  expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, at) => at + 1));
});
