import { beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../src/kit/logger.ts";
import { MemoryCache } from "../../../src/object-cache/memory-cache.ts";
import { MemoryStore } from "../../../src/object-cache/memory-store.ts";
import { ObjectCache, type PutDraft, patchesMax } from "../../../src/object-cache/object-cache.ts";
import { parseDeleteTarget, parseObjectKey } from "../../../src/object-cache/object-key.ts";

let store: MemoryStore;
let cache: ObjectCache;

beforeEach(async () => {
  store = new MemoryStore({ bytesMax: 10_000, piecesMax: 2000 });
  const memory = new MemoryCache({ policy: "lru", bytesMax: 0 });
  cache = await ObjectCache.open({ store, memory, logger: silentLogger });
});

async function change(key: string, text: string, more: Partial<PutDraft> = {}): Promise<number> {
  const writer = cache.createWriter();
  try {
    await writer.append(Buffer.from(text));
    const draft: PutDraft = {
      key: parseObjectKey(key),
      operation: "put",
      format: "opaque",
      generated: false,
      ...more,
    };
    return await cache.commit(draft, writer);
  } finally {
    await writer.abort();
  }
}

const patch = (key: string, text: string) => change(key, text, { operation: "patch" });
const remove = (target: string) => cache.delete([parseDeleteTarget(target)]);

/** What a client that holds `version` is sent: kind, then version and text of each piece. */
async function get(key: string, version = 0): Promise<string> {
  const view = cache.view(parseObjectKey(key), version);
  const texts: string[] = [view.kind];
  for (const piece of view.pieces) {
    const reader = await cache.openPiece(piece);
    const bytes = Buffer.alloc(piece.size);
    await reader.read(bytes);
    texts.push(`${piece.version}=${bytes.toString()}`);
    await reader.close();
  }
  await view.release();
  return texts.join(" ");
}

describe("versions", () => {
  it("count from 1, with every put and patch", async () => {
    expect(await change("a/b/c", "one")).toBe(1);
    expect(await change("a/b/c", "two")).toBe(2);
    expect(await patch("a/b/c", "+")).toBe(3);
    expect(await change("a/b/c", "three")).toBe(4);
    expect(await get("a/b/c")).toBe("full 4=three");
  });

  it("count on after a delete, so that nobody takes the new object for the old one", async () => {
    await change("a/b/c", "old");
    await patch("a/b/c", "+");
    expect(await remove("a/b/c")).toBe(1);
    expect(await change("a/b/c", "new")).toBe(3);
    expect(await get("a/b/c", 1)).toBe("full 3=new");
    expect(await change("a/b/other", "x")).toBe(1);
  });

  it("are counted one by one when many change a key at once", async () => {
    const versions = await Promise.all(
      Array.from({ length: 20 }, (_, index) => change("a/b/c", String(index))),
    );
    expect(versions).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(await get("a/b/c")).toBe("full 20=19");
  });

  it("protect a change that names the version it expects", async () => {
    expect(await change("a/b/c", "x", { expectedVersion: 0 })).toBe(1);
    await expect(change("a/b/c", "y", { expectedVersion: 0 })).rejects.toMatchObject({
      code: "aborted",
      message: 'the object "a/b/c" was not changed: expected version 0, its current version is 1',
    });
    expect(await change("a/b/c", "y", { expectedVersion: 1 })).toBe(2);
    await remove("a/b/c");
    await expect(change("a/b/c", "z", { expectedVersion: 2 })).rejects.toThrow(
      "expected version 2, it does not exist",
    );
    const racers = [0, 0, 0].map((expectedVersion) => change("a/b/d", "r", { expectedVersion }));
    const outcomes = await Promise.allSettled(racers);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
  });
});

describe("a get", () => {
  beforeEach(async () => {
    await change("a/b/c", "old");
    await change("a/b/c", "base");
    await patch("a/b/c", "p3");
    await patch("a/b/c", "p4");
  });

  it.each([
    [0, "full 2=base 3=p3 4=p4"],
    [1, "full 2=base 3=p3 4=p4"],
    [2, "patches 3=p3 4=p4"],
    [3, "patches 4=p4"],
    [4, "unchanged"],
    [5, "full 2=base 3=p3 4=p4"],
  ])("of a client with version %d is answered %s", async (version, answer) => {
    expect(await get("a/b/c", version)).toBe(answer);
  });

  it("of an unknown object is NOT_FOUND", async () => {
    await expect(get("a/b/none")).rejects.toMatchObject({ code: "not_found" });
  });

  it("is answered whole although the object is replaced or deleted meanwhile", async () => {
    const view = cache.view(parseObjectKey("a/b/c"), 0);
    await change("a/b/c", "newer");
    await remove("a/b");
    const texts: string[] = [];
    for (const piece of view.pieces) {
      const bytes = Buffer.alloc(piece.size);
      await (await cache.openPiece(piece)).read(bytes);
      texts.push(bytes.toString());
    }
    expect(texts).toEqual(["base", "p3", "p4"]);
    expect(store.usedBytes).toBe(8);
    await view.release();
    await view.release();
    expect(store.usedBytes).toBe(0);
  });
});

describe("a patch", () => {
  it("needs an object", async () => {
    await expect(patch("a/b/c", "x")).rejects.toMatchObject({ code: "not_found" });
  });

  it("is refused on a table", async () => {
    await change("a/b/c", "table", { format: "table" });
    await expect(patch("a/b/c", "x")).rejects.toThrow("is an Arrow table, which cannot be patched");
    expect(await get("a/b/c", 1)).toBe("unchanged");
  });

  it("is refused beyond 1,000 patches, until the object is put anew", async () => {
    await change("a/b/c", "base");
    for (let i = 0; i < patchesMax; i++) await patch("a/b/c", "p");
    await expect(patch("a/b/c", "x")).rejects.toMatchObject({ code: "invalid_argument" });
    await change("a/b/c", "base");
    expect(await patch("a/b/c", "p")).toBe(1003);
  });
});

describe("a delete", () => {
  beforeEach(async () => {
    for (const key of ["a/s1/x", "a/s1/y", "a/s2/x", "ab/s1/x"]) await change(key, key);
  });

  it.each([
    ["a/s1/x", ["a/s1/y", "a/s2/x", "ab/s1/x"]],
    ["a/s1", ["a/s2/x", "ab/s1/x"]],
    ["a/*", ["ab/s1/x"]],
    ["none/s1", ["a/s1/x", "a/s1/y", "a/s2/x", "ab/s1/x"]],
  ])("of %s leaves %j", async (target, left) => {
    await remove(target);
    expect(cache.list().map(({ key }) => key.text)).toEqual(left);
  });
});

describe("a cache in memory only", () => {
  it("refuses what it cannot hold, and loses nothing for it", async () => {
    await change("a/b/c", "x".repeat(6000));
    await expect(change("a/b/d", "y".repeat(6000))).rejects.toMatchObject({
      code: "resource_exhausted",
      message: expect.stringContaining("pass cache.eviction.max_memory of 10000"),
    });
    expect(store.usedBytes).toBe(6000);
    await remove("a/b/c");
    expect(await change("a/b/d", "y".repeat(6000))).toBe(1);
  });
});
