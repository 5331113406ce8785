import { describe, expect, it } from "@jest/globals";
import { UnacknowledgedInputs } from "../../../src/client/unacknowledged-inputs.ts";

/** An assertion that costs nothing while it holds. */
function expectSame(got: readonly unknown[], expected: readonly unknown[]): void {
  if (got.some((one, at) => one !== expected[at])) expect(got).toEqual(expected);
}

describe("unacknowledged inputs", () => {
  it("do what a map does, in whatever order numbers are settled", () => {
    const inputs = new UnacknowledgedInputs(1);
    const map = new Map<number, Buffer | undefined>();
    let seed = 5;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    let highest = 0;
    for (let step = 0; step < 30_000; step++) {
      // More come than go at first, and the other way round later.
      if (random(20_000) > step % 20_000) {
        const input = random(10) === 0 ? undefined : Buffer.alloc(random(5));
        inputs.add(input);
        map.set(++highest, input);
      } else {
        const number = inputs.lowest + random(Math.max(1, Math.min(50, map.size)));
        const found = inputs.has(number) ? inputs.inputOf(number) : undefined;
        const was = [inputs.has(number), found, inputs.settle(number)];
        const isThere = map.has(number);
        expectSame(was, [isThere, map.get(number), isThere]);
        map.delete(number);
      }
      expect(inputs.size).toBe(map.size);
      const [lowest = highest + 1] = map.keys();
      expect(inputs.lowest).toBe(lowest);
    }
    const bytes = [...map.values()].reduce((sum, input) => sum + (input?.length ?? 0), 0);
    expect(inputs.bytes).toBe(bytes);
    for (const number of [...map.keys()].reverse()) expect(inputs.settle(number)).toBe(true);
    expect([inputs.size, inputs.bytes, inputs.lowest]).toEqual([0, 0, highest + 1]);
    expect(inputs.settle(highest)).toBe(false);
    inputs.add(undefined);
    expect(inputs.has(highest + 1)).toBe(true);
  });
});
