import { describe, expect, it } from "@jest/globals";
import { MemoryCache } from "../../../src/object-cache/memory-cache.ts";

const piece = (bytes: number) => Buffer.alloc(bytes, 1);

function filled(limits: { policy?: "lru" | "none"; bytesMax: number; piecesMax?: number }) {
  const cache = new MemoryCache({ policy: "lru", ...limits });
  return {
    cache,
    has: (...ids: string[]) => ids.filter((id) => cache.get(id) !== undefined).join(""),
  };
}

describe("the memory above the store", () => {
  it("drops what was not used longest when bytes run out", () => {
    const { cache, has } = filled({ bytesMax: 160 });
    for (let i = 0; i < 16; i++) cache.add(String.fromCharCode(97 + i), piece(10));
    expect(has("a")).toBe("a");
    cache.add("new", piece(10));
    expect(has("a", "b", "c")).toBe("ac");
    expect(cache.bytes).toBe(160);
  });

  it("drops only as much as it must", () => {
    const { cache, has } = filled({ bytesMax: 100, piecesMax: 2 });
    for (const id of ["a", "b", "c"]) cache.add(id, piece(1));
    expect(has("a", "b", "c")).toBe("bc");
  });

  it("keeps what came first when the policy is none", () => {
    const { cache, has } = filled({ policy: "none", bytesMax: 100, piecesMax: 2 });
    for (const id of ["a", "b", "c"]) cache.add(id, piece(1));
    expect(has("a", "b", "c")).toBe("ab");
  });

  it("is not emptied for one big piece", () => {
    const { cache, has } = filled({ bytesMax: 160 });
    cache.add("a", piece(10));
    cache.add("big", piece(11));
    expect(has("a", "big")).toBe("a");
  });

  it("counts bytes down when a piece is forgotten", () => {
    const { cache } = filled({ bytesMax: 160 });
    cache.add("a", piece(10));
    cache.forget("a");
    cache.forget("a");
    expect(cache.bytes).toBe(0);
  });

  it("does not keep a large buffer alive for a small view of it", () => {
    const { cache } = filled({ bytesMax: 1000 });
    const large = piece(1 << 20);
    cache.add("a", large.subarray(0, 10));
    expect(cache.get("a")?.buffer).not.toBe(large.buffer);
    expect(cache.get("a")?.buffer.byteLength).toBe(10);
  });
});
