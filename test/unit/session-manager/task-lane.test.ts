import { expect, it } from "@jest/globals";
import type { SubmitRange } from "../../../src/model/submits.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import { creationRuns, storedRuns } from "../../../src/session-manager/frontend/task-lane.ts";

const lane = { sessionId: "s", producer: "p" };
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

const key = { id: "s", creationTime: 1 };

it("what became of submits to a closed session is read once, as runs", async () => {
  let reads = 0;
  const runs = (
    ranges: SubmitRange[] | undefined,
    first: number,
    count: number,
  ): Promise<unknown> => {
    const readSubmits = async (): Promise<SubmitRange[] | undefined> => {
      reads++;
      return ranges;
    };
    return storedRuns({ readSubmits }, key, "p", { first, count });
  };
  const all = [range(1, 10, 5), range(11, 2, 0), range(13, 4, 15), range(17, 100, 40)];
  expect(await runs(all, 4, 20)).toEqual([
    { first: 4, count: 7, firstTask: 8 },
    { first: 11, count: 2, firstTask: 0 },
    { first: 13, count: 4, firstTask: 15 },
    { first: 17, count: 7, firstTask: 40 },
  ]);
  expect(reads).toBe(1);
  expect(await runs([range(1, 3, 7)], 3, 5)).toEqual([
    { first: 3, count: 1, firstTask: 9 },
    { first: 4, count: 4, firstTask: 0 },
  ]);
  expect(await runs([], 1, 2)).toEqual([{ first: 1, count: 2, firstTask: 0 }]);
  // What was a task is not said to be none when its session is gone.
  await expect(runs(undefined, 1, 2)).rejects.toThrow("session s not found: it has been deleted");
});

it("when known submits became tasks is read once, as runs; one that was forgotten has no time", async () => {
  let reads = 0;
  const readTasks = async (_: unknown, after: number, limit: number): Promise<TaskRecord[]> => {
    reads++;
    const found = [task(5, 100), task(6, 100), task(8, 200), task(9, 200), task(11, 300)];
    return found.filter(({ id }) => id > after).slice(0, limit);
  };
  expect(await creationRuns({ readTasks }, key, 5, 5)).toEqual([
    { at: 0, count: 2, creationTime: 100 },
    { at: 2, count: 1, creationTime: 0 },
    { at: 3, count: 2, creationTime: 200 },
  ]);
  expect(reads).toBe(1);
  const gone = creationRuns({ readTasks: async () => undefined }, key, 5, 5);
  await expect(gone).rejects.toThrow("session s not found: it has been deleted");
});
