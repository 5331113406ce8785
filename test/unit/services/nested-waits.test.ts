import { beforeEach, describe, expect, it } from "@jest/globals";
import { NestedWaits } from "../../../src/services/nested-waits.ts";
import { TestClock } from "../../support/test-clock.ts";

describe("what a task waits for", () => {
  let clock: TestClock;
  let told: (readonly string[])[];
  let waits: NestedWaits;

  beforeEach(() => {
    clock = new TestClock();
    told = [];
    waits = new NestedWaits(clock, (sessionIds) => told.push(sessionIds));
    waits.taskBegins();
  });

  it("is told when it lasts, once for each change, and the end of it at once", async () => {
    const ends = [waits.begin("a"), waits.begin("b"), waits.begin("a")];
    expect(told).toEqual([]);
    await clock.pass(5);
    expect(told).toEqual([["a", "b"]]);
    ends[0]?.();
    ends[0]?.();
    await clock.pass(5);
    expect(told).toHaveLength(1);
    ends[2]?.();
    await clock.pass(5);
    expect(told.slice(1)).toEqual([["b"]]);
    ends[1]?.();
    expect(told.slice(2)).toEqual([[]]);
    await clock.pass(5);
    expect(told).toHaveLength(3);
  });

  it("is not told when it is short", async () => {
    for (let round = 0; round < 3; round++) {
      const end = waits.begin("a");
      await clock.pass(1);
      end();
    }
    await clock.pass(5);
    expect(told).toEqual([]);
  });

  it("ends with the task, and what an earlier task still waits for is not told of a later one", async () => {
    const end = waits.begin("old");
    await clock.pass(5);
    waits.taskEnds();
    waits.taskBegins();
    await clock.pass(5);
    expect(told).toEqual([["old"]]);
    const ends = [waits.begin("new"), end];
    await clock.pass(5);
    for (const one of ends.reverse()) one();
    expect(told).toEqual([["old"], ["new"], []]);
  });

  it("is nothing while no task runs", async () => {
    waits.taskEnds();
    const end = waits.begin("a");
    await clock.pass(5);
    waits.taskBegins();
    await clock.pass(5);
    end();
    expect(told).toEqual([]);
  });
});
