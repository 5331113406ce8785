import { describe, expect, it } from "@jest/globals";
import { FairQueue } from "../../../src/kit/fair-queue.ts";

describe("a fair queue", () => {
  it("takes of each lane in turn, in order within a lane", () => {
    const queue = new FairQueue<string>();
    for (let index = 0; index < 1_000; index++) queue.push(`flood ${index}`, "flood");
    for (const item of ["a1", "a2"]) queue.push(item, "a");
    queue.push("b1", "b");
    expect(queue.size).toBe(1_003);
    expect(queue.take(10, 6)).toEqual(["flood 0", "a1", "b1", "flood 1", "a2", "flood 2"]);
    queue.push("b2", "b");
    expect(queue.take(10, 3)).toEqual(["flood 3", "b2", "flood 4"]);
    expect(queue.size).toBe(995);
  });

  it("gives each lane its turn when there are more lanes than it may take", () => {
    const queue = new FairQueue<number>();
    for (let round = 0; round < 2; round++)
      for (let lane = 0; lane < 5; lane++) queue.push(lane, String(lane));
    expect(queue.take(0, 3)).toEqual([0, 1, 2]);
    expect(queue.take(0, 3)).toEqual([3, 4, 0]);
    expect(queue.take(0, 9)).toEqual([1, 2, 3, 4]);
    expect(queue.size).toBe(0);
    expect(queue.take(9, 9)).toEqual([]);
  });

  it("puts what has no lane before all others, bounded on its own", () => {
    const queue = new FairQueue<string>();
    queue.push("a", "lane");
    for (const item of ["x", "y", "z"]) queue.push(item, undefined);
    expect(queue.take(2, 1)).toEqual(["x", "y", "a"]);
    expect(queue.take(2, 1)).toEqual(["z"]);
  });

  it("keeps order and size over many more items than it drops at once", () => {
    const queue = new FairQueue<number>();
    const taken: number[] = [];
    for (let index = 0; index < 10_000; index++) {
      queue.push(index, "lane");
      if (index % 3 === 0) taken.push(...queue.take(0, 2));
    }
    taken.push(...queue.take(0, 10_000));
    expect(taken).toEqual(Array.from({ length: 10_000 }, (_, index) => index));
    expect(queue.size).toBe(0);
  });
});
