import { describe, expect, it } from "@jest/globals";
import { TwoGenerations } from "../../../src/kit/two-generations.ts";

describe("entries in two generations", () => {
  it("keeps the newest half at least, and never more than fits", () => {
    const kept = new TwoGenerations<number, string>(10);
    for (let key = 1; key <= 103; key++) kept.set(key, `v${key}`);
    const found = Array.from({ length: 103 }, (_, index) => kept.get(index + 1)).filter(
      (value) => value !== undefined,
    );
    expect(found.length).toBeGreaterThanOrEqual(5);
    expect(found.length).toBeLessThanOrEqual(10);
    expect(found.at(-1)).toBe("v103");
  });

  it("keeps what is asked for again and again", () => {
    const kept = new TwoGenerations<number, string>(10);
    kept.set(0, "wanted");
    for (let key = 1; key <= 100; key++) {
      kept.set(key, "other");
      expect(kept.get(0)).toBe("wanted");
    }
  });

  it("keeps both of two", () => {
    const kept = new TwoGenerations<string, string>(2);
    kept.set("b", "12345");
    kept.set("c", "12345");
    expect([kept.get("c"), kept.get("b")]).toEqual(["12345", "12345"]);
  });

  it("forgets the value before when a key is set anew or deleted", () => {
    const kept = new TwoGenerations<string, string>(4);
    kept.set("a", "1");
    for (const other of ["x", "y"]) kept.set(other, "");
    kept.set("a", "2");
    expect(kept.get("a")).toBe("2");
    kept.delete("a");
    expect(kept.get("a")).toBeUndefined();
  });
});
