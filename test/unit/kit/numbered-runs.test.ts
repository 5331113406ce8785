import { describe, expect, it } from "@jest/globals";
import { NumberedRuns } from "../../../src/kit/numbered-runs.ts";

describe("numbered runs", () => {
  it("keep numbers and values that grow together as one run, from whichever side they come", () => {
    const runs = new NumberedRuns();
    runs.add(5, 2, 15);
    runs.add(1, 2, 11);
    runs.add(3, 2, 13);
    expect(runs.runs()).toEqual([{ first: 1, count: 6, value: 11 }]);
    runs.add(7, 1, 99);
    expect(runs.runs()).toHaveLength(2);
    expect([runs.size, runs.valueOf(4), runs.valueOf(7), runs.valueOf(8)]).toEqual([
      7,
      14,
      99,
      undefined,
    ]);
  });

  it("do what a map does, with any adding and removing", () => {
    const runs = new NumberedRuns();
    const map = new Map<number, number>();
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let step = 0; step < 20_000; step++) {
      const number = 1 + random(200);
      const isRemoved = random(2) === 0;
      const removes = isRemoved && runs.remove(number);
      expect(removes).toBe(isRemoved && map.delete(number));
      if (!isRemoved && !map.has(number)) {
        const value = number + 1000 * (1 + Math.floor(number / 50));
        runs.add(number, 1, value);
        map.set(number, value);
      }
      expect(runs.size).toBe(map.size);
      const asked = 1 + random(200);
      expect(runs.valueOf(asked)).toBe(map.get(asked));
      const value = asked + 1000 * (1 + Math.floor(asked / 50));
      expect(runs.hasValue(value)).toBe(map.get(asked) === value);
    }
    const ascending = [...map].sort(([a], [b]) => a - b);
    for (const [number, value] of ascending) expect(runs.shift()).toEqual({ number, value });
    expect(runs.shift()).toBeUndefined();
  });
});
