import { appendFile, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import { deletedKeysMax } from "../../../src/object-cache/deleted-versions.ts";
import { DiskStore } from "../../../src/object-cache/disk-store.ts";
import { MemoryCache } from "../../../src/object-cache/memory-cache.ts";
import { ObjectCache } from "../../../src/object-cache/object-cache.ts";
import { parseDeleteTarget, parseObjectKey } from "../../../src/object-cache/object-key.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: { path: string; remove: () => void };
let store: DiskStore;
let cache: ObjectCache;
let warnings: { file?: string; reason?: string }[];

const logger: Logger = {
  ...silentLogger,
  warn: (fields) => {
    warnings.push(fields);
  },
};

/** Opens the folder as a new process would. */
async function open(bytesMax = 1_000_000): Promise<void> {
  warnings = [];
  store = new DiskStore({ logger }, { folder: folder.path, bytesMax, fileBytesMin: 0 });
  const memory = new MemoryCache({ policy: "lru", bytesMax: 0 });
  cache = await ObjectCache.open({ store, memory, logger });
}

beforeEach(async () => {
  folder = temporaryFolder("objects");
  await open();
});

afterEach(() => folder.remove());

async function change(key: string, text: string, operation: "put" | "patch" = "put") {
  const writer = cache.createWriter();
  try {
    await writer.append(Buffer.from(text));
    const draft = { key: parseObjectKey(key), format: "opaque", generated: false } as const;
    return await cache.commit({ ...draft, operation }, writer);
  } finally {
    await writer.abort();
  }
}

async function get(key: string): Promise<string> {
  const view = cache.view(parseObjectKey(key), 0);
  try {
    const texts: string[] = [];
    for (const piece of view.pieces) {
      const reader = await cache.openPiece(piece);
      const bytes = Buffer.alloc(piece.size);
      await reader.read(bytes).finally(() => reader.close());
      texts.push(`${piece.version}=${bytes.toString()}`);
    }
    return texts.join(" ");
  } finally {
    await view.release();
  }
}

const remove = (target: string) => cache.delete([parseDeleteTarget(target)]);
const keys = () => cache.list().map(({ key }) => key.text);
const pieces = () => readdir(join(folder.path, "pieces"));

async function fileOf(ending: string): Promise<string> {
  const name = (await pieces()).find((one) => one.endsWith(ending));
  return join(folder.path, "pieces", name ?? "none");
}

describe("objects in a folder", () => {
  it("survive the deletion of more keys than are remembered one by one, and a restart after it", async () => {
    await change("a/b/live", "one");
    await change("a/b/held", "held");
    const held = cache.view(parseObjectKey("a/b/held"), 0);
    await remove("a/b/held");
    for (const round of [0, 1, 2]) {
      await store.recordDeletions(
        Array.from({ length: deletedKeysMax / 2 }, (_, index) => ({
          key: `a/b/${round}-${index}`,
          version: 1,
        })),
      );
    }
    // The piece that is still being read lies there when the process ends, and stays deleted.
    expect(await pieces()).toHaveLength(2);
    await open();
    expect(keys()).toEqual(["a/b/live"]);
    expect(await pieces()).toHaveLength(1);
    expect(await change("a/b/never", "new")).toBe(2);
    await held.release();
    await open();
    expect(keys().toSorted()).toEqual(["a/b/live", "a/b/never"]);
  });

  it("are there after a restart with their versions and patches", async () => {
    await change("a/b/c", "one");
    await change("a/b/c", "two");
    await change("a/b/c", "+", "patch");
    await change("ä/./%00\u0000", "odd");
    await open();
    expect(await get("a/b/c")).toBe("2=two 3=+");
    expect(await get("ä/./%00\u0000")).toBe("1=odd");
    expect(await change("a/b/c", "three")).toBe(4);
    expect(warnings).toEqual([]);
  });

  it("leave no file behind when they are replaced or deleted", async () => {
    await change("a/b/c", "one");
    await change("a/b/c", "+", "patch");
    await change("a/b/c", "two");
    expect(await pieces()).toHaveLength(1);
    await remove("a/b");
    expect(await pieces()).toEqual([]);
    expect(store.usedBytes).toBe(0);
    expect(await readdir(join(folder.path, "tmp"))).toEqual([]);
  });

  it("count their versions on after delete and restart", async () => {
    await change("a/b/c", "one");
    await change("a/b/c", "two");
    await remove("a/b/c");
    await open();
    expect(keys()).toEqual([]);
    expect(await change("a/b/c", "again")).toBe(3);
    await open();
    expect(await get("a/b/c")).toBe("3=again");
  });

  it("are counted in bytes as they lie on disk", async () => {
    await change("a/b/c", "x".repeat(1000));
    const used = store.usedBytes;
    expect(used).toBe((await readFile(await fileOf(".base"))).length);
    await open();
    expect(store.usedBytes).toBe(used);
  });

  it("are refused beyond max_disk, and half of one is given back", async () => {
    await open(2000);
    await change("a/b/c", "x".repeat(1500));
    const used = store.usedBytes;
    await expect(change("a/b/d", "y".repeat(1000))).rejects.toMatchObject({
      code: "resource_exhausted",
      message: expect.stringContaining("cache.max_disk of 2000"),
    });
    expect(store.usedBytes).toBe(used);
    expect(await readdir(join(folder.path, "tmp"))).toEqual([]);
    await remove("a/b/c");
    expect(await change("a/b/d", "y".repeat(1000))).toBe(1);
  });
});

describe("a start on a folder that a crash or somebody else touched", () => {
  it("forgets what was never acknowledged", async () => {
    await writeFile(join(folder.path, "tmp/half"), "half an object");
    await open();
    expect(await readdir(join(folder.path, "tmp"))).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it.each([
    ["cut short", (file: string) => truncate(file, 20), "does not end with FLMOBJ01"],
    ["emptied", (file: string) => truncate(file, 0), "has 0 bytes"],
    ["continued", (file: string) => appendFile(file, "x"), "does not end with FLMOBJ01"],
    ["moved", async (file: string) => shorten(file), "bytes and holds"],
  ])("skips a file that was %s, says so, and goes on", async (_how, damage, reason) => {
    await change("a/b/c", "lost");
    const file = await fileOf(".base");
    await change("a/b/d", "kept");
    await damage(file);
    await open();
    expect(keys()).toEqual(["a/b/d"]);
    expect(warnings).toEqual([{ file, reason: expect.stringContaining(reason) }]);
    // The object can be put again, over the damaged file.
    expect(await change("a/b/c", "new")).toBe(1);
    await open();
    expect([await get("a/b/c"), warnings]).toEqual(["1=new", []]);
  });

  it("skips files that are not its own and leaves them alone", async () => {
    await writeFile(join(folder.path, "pieces/readme.txt"), "mine");
    await open();
    expect(warnings).toEqual([
      expect.objectContaining({ reason: expect.stringContaining("its name is not one") }),
    ]);
    expect(await pieces()).toEqual(["readme.txt"]);
  });

  it("serves an object up to the patch whose file is damaged", async () => {
    await change("a/b/c", "base");
    for (const text of ["p2", "p3", "p4"]) await change("a/b/c", text, "patch");
    await truncate(await fileOf("-3.patch"), 1);
    await open();
    expect(await get("a/b/c")).toBe("1=base 2=p2");
    expect(warnings).toHaveLength(2);
  });

  it("survives a log of deletions that was cut in the middle of a line", async () => {
    await change("a/b/c", "one");
    await remove("a/b/c");
    await appendFile(join(folder.path, "deleted.log"), '{"key":"a/b/');
    await open();
    await change("a/b/d", "one");
    await remove("a/b/d");
    await open();
    expect([await change("a/b/c", "x"), await change("a/b/d", "x")]).toEqual([2, 2]);
  });

  it("says when bytes of an object changed on disk, instead of handing them out", async () => {
    await change("a/b/c", "right");
    const file = await fileOf(".base");
    const bytes = await readFile(file);
    bytes[0] = 0;
    await writeFile(file, bytes);
    await open();
    await expect(get("a/b/c")).rejects.toThrow("its checksum is wrong; put the object again");
  });
});

/** Removes one byte of the content, so that the trailer is whole and the size wrong. */
async function shorten(file: string): Promise<void> {
  await writeFile(file, (await readFile(file)).subarray(1));
}
