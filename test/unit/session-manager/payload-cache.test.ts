import { describe, expect, it } from "@jest/globals";
import type { TaskKey } from "../../../src/model/task.ts";
import { PayloadCache } from "../../../src/session-manager/engine/payload-cache.ts";

const entryBytes = 140;
const of = (sessionId: string, id: number, creationTime = 1): TaskKey => ({
  sessionId,
  id,
  creationTime,
});

describe("the cache of payloads", () => {
  it("drops the oldest, and keeps what fits into half of its bytes", () => {
    const cache = new PayloadCache(8 * (3_000 + entryBytes));
    for (let task = 1; task <= 30; task++)
      cache.put(of(`s${task % 3}`, task), "input", Buffer.alloc(3_000, task));
    const kept = Array.from({ length: 30 }, (_, index) => index + 1).filter(
      (task) => cache.get(of(`s${task % 3}`, task), "input")?.at(0) === task,
    );
    expect(kept.length).toBeGreaterThanOrEqual(4);
    expect(kept.length).toBeLessThanOrEqual(8);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, at) => 31 - kept.length + at));
  });

  it("tells inputs from outputs, tasks and sessions", () => {
    const cache = new PayloadCache(100_000);
    cache.put(of("a", 1), "input", Buffer.from("in"));
    cache.put(of("a", 1), "output", Buffer.from("out"));
    cache.put(of("b", 1), "input", Buffer.from("other"));
    expect(cache.get(of("a", 1), "input")?.toString()).toBe("in");
    expect(cache.get(of("a", 1), "output")?.toString()).toBe("out");
    expect(cache.get(of("b", 1), "input")?.toString()).toBe("other");
    expect(cache.get(of("b", 1), "output")).toBeUndefined();
    expect(cache.get(of("a", 2), "input")).toBeUndefined();
  });

  it("takes a payload that is put again in place of the one before", () => {
    const cache = new PayloadCache(20 * (3_000 + entryBytes));
    for (let time = 0; time < 5; time++) cache.put(of("a", 1), "input", Buffer.alloc(3_000, time));
    cache.put(of("a", 2), "input", Buffer.alloc(3_000));
    expect(cache.get(of("a", 1), "input")?.at(0)).toBe(4);
  });

  it("tells no payload of a session of that name that was deleted", () => {
    const cache = new PayloadCache(4 * (3_000 + entryBytes));
    cache.put(of("a", 1), "input", Buffer.alloc(3_000, 1));
    for (let task = 2; task <= 3; task++)
      cache.put(of("a", task), "input", Buffer.alloc(3_000, task));
    cache.put(of("a", 1), "input", Buffer.alloc(20_000, 2));
    expect(cache.get(of("a", 1), "input")).toBeUndefined();
  });

  it("gives no bytes of a later session of the id, nor of an earlier one", () => {
    const cache = new PayloadCache(100_000);
    cache.put(of("a", 1, 10), "input", Buffer.from("old"));
    cache.put(of("a", 2, 12), "input", Buffer.from("old"));
    cache.put(of("a", 1, 10), "output", Buffer.from("out"));
    expect(cache.get(of("a", 1, 10), "output")?.toString()).toBe("out");
    cache.drop("a");
    expect(cache.get(of("a", 1, 10), "input")).toBeUndefined();
    cache.put(of("a", 2, 22), "input", Buffer.from("new"));
    cache.put(of("a", 1, 21), "input", Buffer.from("new"));
    expect(cache.get(of("a", 1, 10), "input")).toBeUndefined();
    expect(cache.get(of("a", 2, 12), "input")).toBeUndefined();
    expect(cache.get(of("a", 1, 21), "input")?.toString()).toBe("new");
    expect(cache.get(of("a", 2, 22), "input")?.toString()).toBe("new");
  });

  it("counts what an entry takes beside its bytes: a million empty ones do not fit", () => {
    const cache = new PayloadCache(10_000);
    for (let task = 1; task <= 1_000; task++) cache.put(of("a", task), "input", Buffer.alloc(0));
    const kept = Array.from({ length: 1_000 }, (_, index) =>
      cache.get(of("a", index + 1), "input"),
    );
    expect(kept.filter((one) => one !== undefined).length).toBeLessThanOrEqual(71);
  });

  it.each([
    ["a few bytes share a piece with others", 10, 32 * 1024],
    ["more have a piece of their own", 5_000, 5_000],
  ])("keeps a part of a large piece of memory without the piece: %s", (_how, bytes, kept) => {
    const piece = Buffer.allocUnsafeSlow(1024 * 1024).fill("x");
    const cache = new PayloadCache(20_000);
    cache.put(of("a", 1), "input", piece.subarray(10, 10 + bytes));
    const found = cache.get(of("a", 1), "input");
    expect(found?.toString()).toBe("x".repeat(bytes));
    expect(found?.buffer.byteLength).toBe(kept);
  });
});
