import {
  appendFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import { DiskStore } from "../../../src/object-cache/disk-store.ts";
import { MemoryCache } from "../../../src/object-cache/memory-cache.ts";
import { ObjectCache } from "../../../src/object-cache/object-cache.ts";
import { parseDeleteTarget, parseObjectKey } from "../../../src/object-cache/object-key.ts";
import { temporaryFolder } from "../../support/temp.ts";

const mib = 1024 * 1024;
const kib = 1024;

let folder: { path: string; remove: () => void };
let cache: ObjectCache | undefined;
let warnings: object[];

const logger: Logger = {
  ...silentLogger,
  warn: (fields) => {
    warnings.push(fields);
  },
};

/** Opens the folder as a new process would. */
async function open(bytesMax = 200 * mib): Promise<ObjectCache> {
  await cache?.close();
  warnings = [];
  const store = new DiskStore({ logger }, { folder: folder.path, bytesMax });
  const memory = new MemoryCache({ policy: "lru", bytesMax: 0 });
  cache = await ObjectCache.open({ store, memory, logger });
  return cache;
}

beforeEach(async () => {
  folder = temporaryFolder("objects");
  await open();
});

afterEach(async () => {
  await cache?.close();
  cache = undefined;
  folder.remove();
});

const opened = (): ObjectCache => {
  if (cache === undefined) throw new Error("no cache is open");
  return cache;
};
const inside = (name: string): string[] => readdirSync(join(folder.path, name)).toSorted();
const logs = (): string[] => inside("small").map((name) => join(folder.path, "small", name));
const logBytes = (): number => logs().reduce((sum, path) => sum + statSync(path).size, 0);

async function put(key: string, content: Buffer | string, operation: "put" | "patch" = "put") {
  const writer = opened().createWriter();
  try {
    await writer.append(Buffer.from(content));
    const draft = { key: parseObjectKey(key), format: "opaque", generated: false } as const;
    return await opened().commit({ ...draft, operation }, writer);
  } finally {
    await writer.abort();
  }
}

async function get(key: string): Promise<string> {
  const view = opened().view(parseObjectKey(key), 0);
  try {
    const texts: string[] = [];
    for (const piece of view.pieces) {
      const reader = await opened().openPiece(piece);
      const bytes = Buffer.alloc(piece.size);
      await reader.read(bytes).finally(() => reader.close());
      texts.push(`${piece.version}=${bytes.toString()}`);
    }
    return texts.join(" ");
  } finally {
    await view.release();
  }
}

const remove = (target: string) => opened().delete([parseDeleteTarget(target)]);
const keys = () =>
  opened()
    .list()
    .map(({ key }) => key.text)
    .toSorted();

describe("small objects", () => {
  it("share one file, with versions and patches, before and after a restart", async () => {
    await Promise.all(Array.from({ length: 200 }, (_, one) => put(`a/b/${one}`, `text ${one}`)));
    await put("a/b/0", "again");
    await put("a/b/0", "+", "patch");
    await put("a/b/empty", "");
    for (const restart of [false, true]) {
      if (restart) await open();
      expect(inside("pieces")).toEqual([]);
      expect(logs()).toHaveLength(1);
      expect(await get("a/b/199")).toBe("1=text 199");
      expect(await get("a/b/0")).toBe("2=again 3=+");
      expect(await get("a/b/empty")).toBe("1=");
      expect(warnings).toEqual([]);
    }
    expect(await put("a/b/0", "once more")).toBe(4);
  });

  it("become files of their own when they grow, and small ones again", async () => {
    const large = Buffer.alloc(128 * kib, "x");
    await put("a/b/c", large.subarray(1));
    expect(inside("pieces")).toEqual([]);
    await put("a/b/c", large);
    expect(inside("pieces")).toEqual([expect.stringMatching(/-2\.base$/)]);
    await put("a/b/c", "small");
    await open();
    expect(inside("pieces")).toEqual([]);
    expect(await get("a/b/c")).toBe("3=small");
  });

  it("stay deleted, and count on, after a restart while their records are still there", async () => {
    await put("a/b/kept", "kept");
    await put("a/b/gone", "gone");
    await remove("a/b/gone");
    expect(readFileSync(logs()[0] ?? "", "utf8")).toContain("gone");
    await open();
    expect(keys()).toEqual(["a/b/kept"]);
    expect(await put("a/b/gone", "new")).toBe(2);
    await open();
    expect(await get("a/b/gone")).toBe("2=new");
  });

  it("leave no log behind that holds little else than what was deleted", async () => {
    const content = Buffer.alloc(100 * kib, "x");
    for (let one = 0; one < 200; one++) await put(`a/s${one % 10}/${one}`, content);
    expect(logs().length).toBeGreaterThan(1);
    const [first = ""] = logs();
    for (let session = 1; session < 10; session++) await remove(`a/s${session}`);
    expect(logs()).not.toContain(first);
    expect(logBytes()).toBeLessThan(10 * mib);
    expect(opened().usage.storedBytes).toBeLessThan(21 * 101 * kib);
    for (const restart of [false, true]) {
      if (restart) await open();
      expect(keys()).toHaveLength(20);
      expect(await get("a/s0/0")).toBe(`1=${content.toString()}`);
    }
    await remove("a/*");
    expect(opened().usage.storedBytes).toBe(0);
    await open();
    expect(keys()).toEqual([]);
    expect(logs()).toEqual([]);
  });

  it("are read while their log is written anew", async () => {
    const content = Buffer.alloc(100 * kib, "x");
    for (let one = 0; one < 100; one++) await put(`a/s${one % 10}/${one}`, content);
    const removing = Array.from({ length: 9 }, (_, one) => remove(`a/s${one + 1}`));
    const reading = Array.from({ length: 50 }, () => get("a/s0/0"));
    expect(new Set(await Promise.all(reading))).toEqual(new Set([`1=${content.toString()}`]));
    await Promise.all(removing);
  });

  it("of several starts are joined", async () => {
    for (let start = 0; start < 4; start++) {
      await put(`a/b/${start}`, `start ${start}`);
      await open();
    }
    expect(logs()).toHaveLength(1);
    expect(keys()).toEqual(["a/b/0", "a/b/1", "a/b/2", "a/b/3"]);
    expect(await get("a/b/2")).toBe("1=start 2");
    expect(warnings).toEqual([]);
  });

  it("take one open file when their log is written anew, however many they are", async () => {
    await Promise.all(Array.from({ length: 2000 }, (_, one) => put(`a/b/${one}`, `text ${one}`)));
    await open();
    await put("a/b/more", "more");
    const files = (): number => readdirSync("/proc/self/fd").length;
    const before = files();
    let most = 0;
    let joined = false;
    const joining = open().finally(() => {
      joined = true;
    });
    while (!joined) {
      most = Math.max(most, files());
      await new Promise(setImmediate);
    }
    await joining;
    expect(logs()).toHaveLength(1);
    expect(keys()).toHaveLength(2001);
    expect(await get("a/b/1999")).toBe("1=text 1999");
    expect(most - before).toBeLessThan(20);
  });

  it("behind a record that was damaged meanwhile keep their log", async () => {
    const content = Buffer.alloc(100 * kib, "x");
    for (let one = 0; one < 100; one++) await put(`a/s${one % 10}/${one}`, content);
    const [first = ""] = logs();
    const bytes = readFileSync(first);
    writeFileSync(first, bytes.fill(0, 0, 8));
    for (let session = 1; session < 10; session++) await remove(`a/s${session}`);
    expect(warnings).toEqual([expect.objectContaining({ file: first })]);
    expect(await get("a/s0/10")).toBe(`1=${content.toString()}`);
  });

  it("that may stand behind a record with a damaged head are not thrown away with it", async () => {
    for (const name of ["one", "two", "three"]) await put(`a/b/${name}`, name);
    const [damaged = ""] = logs();
    const bytes = readFileSync(damaged);
    const second = bytes.indexOf("FLMREC01", 1);
    writeFileSync(damaged, bytes.fill(0, second, second + 8));
    await open();
    expect(warnings).toEqual([expect.objectContaining({ file: damaged, byte: second })]);
    // Logs of two starts would be joined.
    await put("a/b/four", "four");
    await open();
    await open();
    expect(keys()).toEqual(["a/b/four", "a/b/one"]);
    expect(readFileSync(damaged)).toEqual(bytes);
  });

  it("that are being put when the cache is closed are whole, and leave no file open", async () => {
    const isOurs = (fd: string): boolean => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder.path);
      } catch {
        return false;
      }
    };
    // The first is being written, and the others wait for that.
    const putting = Array.from({ length: 51 }, (_, one) => put(`a/b/${one}`, "x"));
    await new Promise(setImmediate);
    await opened().close();
    await Promise.all(putting);
    await expect(put("a/b/late", "x")).rejects.toMatchObject({ code: "unavailable" });
    expect(readdirSync("/proc/self/fd").filter(isOurs)).toEqual([]);
    await open();
    expect(keys()).toHaveLength(51);
  });

  it.each<[string, (log: string) => void]>([
    ["cut short", (log) => truncateSync(log, statSync(log).size - 1)],
    ["cut in its head", (log) => truncateSync(log, statSync(log).size - 150)],
    [
      "without the bytes that its head tells of",
      (log) => {
        const bytes = readFileSync(log);
        writeFileSync(log, bytes.fill(0, bytes.length - 10));
      },
    ],
    ["followed by what is no record", (log) => appendFileSync(log, Buffer.alloc(5000))],
  ])("survive a record that is %s, which a warning names", async (how, damage) => {
    await put("a/b/one", "one");
    await put("a/b/two", "two".repeat(20));
    damage(logs()[0] ?? "");
    const kept = how.startsWith("followed") ? ["a/b/one", "a/b/two"] : ["a/b/one"];
    await open();
    expect(keys()).toEqual(kept);
    expect(warnings).toEqual([expect.objectContaining({ file: expect.stringContaining(".log") })]);
    await put("a/b/three", "three");
    await open();
    expect(keys()).toEqual([...kept, "a/b/three"].toSorted());
    expect(await get("a/b/three")).toBe("1=three");
  });

  it("are refused beyond the limit of the disk, which deleted ones are not counted in", async () => {
    await open(1 * mib);
    const content = Buffer.alloc(100 * kib);
    for (let one = 0; one < 10; one++) await put(`a/b/${one}`, content);
    await expect(put("a/b/more", content)).rejects.toMatchObject({ code: "resource_exhausted" });
    await remove("a/b/0");
    await put("a/b/more", content);
    expect(keys()).toHaveLength(10);
  });
});
