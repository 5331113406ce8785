import { describe, expect, it } from "@jest/globals";
import { termsOf } from "../../../src/session-manager/engine/terms.ts";

describe("the terms of a start", () => {
  it("count up, and are all above those of the start before", () => {
    const earlier = termsOf(6);
    const first = termsOf(7)();
    let last = 0;
    expect(() => {
      for (;;) {
        const next = earlier();
        expect(next).toBeGreaterThan(last);
        last = next;
      }
    }).toThrow("the disk has refused 4095 commits since this session manager started");
    expect(first).toBeGreaterThan(last);
  });
});
