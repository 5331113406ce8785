import { describe, expect, it } from "@jest/globals";
import {
  type WarmDemand,
  type WarmSupply,
  warmPlaces,
} from "../../../src/scheduler/warm-places.ts";
import { gib, one } from "./world.ts";

const demand = (name: string, count = 1, shim: WarmDemand["shim"] = "Host"): WarmDemand => ({
  name,
  shim,
  count,
});
const node = (places: number, more: Partial<WarmSupply> = {}): WarmSupply => ({
  allocatable: { cpu: 4, memory: 8 * gib, gpu: 0 },
  places,
  ...more,
});
const given = (demands: readonly WarmDemand[], supply: WarmSupply): string =>
  [...warmPlaces(demands, supply, one)].map(([name, count]) => `${count} ${name}`).join(", ");

describe("the places for warm services", () => {
  it("go to all that ask, as many as they ask for, while there are some", () => {
    expect(given([demand("a", 2), demand("b")], node(8))).toBe("2 a, 1 b");
    expect(given([], node(8))).toBe("");
  });

  it("go round where there are fewer: nobody has a second one before everybody has one", () => {
    expect(given([demand("a", 9), demand("b", 2), demand("c")], node(4))).toBe("2 a, 1 b, 1 c");
    expect(given([demand("a", 9), demand("b", 2), demand("c")], node(5))).toBe("2 a, 2 b, 1 c");
    expect(given([demand("a", 9), demand("b", 2), demand("c")], node(2))).toBe("1 a, 1 b");
    expect(given([demand("a", 9)], node(0))).toBe("");
  });

  it("are none on a node that could not run an instance, or offers another shim", () => {
    expect(given([demand("a")], node(4, { allocatable: { ...one, memory: gib / 2 } }))).toBe("");
    expect(given([demand("a"), demand("w", 1, "Wasm")], node(4, { shim: "Wasm" }))).toBe("1 w");
    // Host, until one of its executors says something else.
    expect(given([demand("a"), demand("w", 1, "Wasm")], node(4))).toBe("1 a");
  });

  it("take no longer than there are places, however much is asked for", () => {
    const demands = Array.from({ length: 1_000 }, (_, n) => demand(`a${n}`, 1_024));
    const places = warmPlaces(demands, node(1_024), one);
    expect([places.size, places.get("a23"), places.get("a24")]).toEqual([1_000, 2, 1]);
  });
});
