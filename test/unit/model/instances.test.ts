import { describe, expect, it } from "@jest/globals";
import { checkInstances, type InstanceBounds } from "../../../src/model/instances.ts";

describe("the bounds of a session's instances", () => {
  it.each<InstanceBounds>([
    {},
    { minInstances: 0 },
    { minInstances: 7 },
    { maxInstances: 1 },
    { minInstances: 2, maxInstances: 2 },
    { maxInstances: 2 ** 32 - 1 },
  ])("%j may be", (bounds) => {
    expect(() => checkInstances(bounds)).not.toThrow();
  });

  it.each<[InstanceBounds, string]>([
    [{ maxInstances: 0 }, "max_instances: got 0, expected a whole number from 1 to 4294967295, or"],
    [{ maxInstances: -1 }, "max_instances: got -1"],
    [{ maxInstances: 2 ** 32 }, "max_instances: got 4294967296"],
    [{ minInstances: 1.5 }, "min_instances: got 1.5, expected a whole number from 0 to 4294967295"],
    [{ minInstances: Number.NaN }, "min_instances: got NaN"],
    [
      { minInstances: 3, maxInstances: 2 },
      "min_instances: got 3, expected at most max_instances, which is 2",
    ],
  ])("%j is refused, with what was expected", (bounds, text) => {
    expect(() => checkInstances(bounds)).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        message: expect.stringContaining(text),
      }),
    );
  });

  it("are called what the caller calls them", () => {
    const names = { min: "least", max: "most" };
    expect(() => checkInstances({ minInstances: 2, maxInstances: 1 }, names)).toThrow(
      "least: got 2, expected at most most, which is 1",
    );
  });
});
