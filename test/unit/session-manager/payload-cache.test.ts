import { describe, expect, it } from "@jest/globals";
import { PayloadCache } from "../../../src/session-manager/payload-cache.ts";

describe("the cache of payloads", () => {
  it("drops the least recently used beyond its bytes", () => {
    const cache = new PayloadCache(11_000);
    for (const key of ["a", "b", "c"]) cache.put(key, Buffer.alloc(3_000, key));
    cache.get("a");
    cache.put("d", Buffer.alloc(1_000, "d"));
    expect(["a", "b", "c", "d"].map((key) => cache.get(key)?.length)).toEqual([
      3_000,
      undefined,
      3_000,
      1_000,
    ]);
  });

  it("counts what an entry takes beside its bytes: a million empty ones do not fit", () => {
    const cache = new PayloadCache(10_000);
    for (let index = 0; index < 100; index++) cache.put(String(index), Buffer.alloc(0));
    const kept = Array.from({ length: 100 }, (_, index) => cache.get(String(index)));
    expect(kept.filter((one) => one !== undefined).length).toBe(28);
  });

  it("keeps a few bytes of a large piece of memory without the piece", () => {
    const piece = Buffer.allocUnsafeSlow(64 * 1024).fill("x");
    const cache = new PayloadCache(10_000);
    cache.put("small", piece.subarray(10, 20));
    const kept = cache.get("small");
    expect(kept?.toString()).toBe("x".repeat(10));
    expect(kept?.buffer.byteLength).toBe(10);
  });
});
