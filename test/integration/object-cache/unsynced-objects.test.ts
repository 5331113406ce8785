import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import { DiskStore } from "../../../src/object-cache/disk-store.ts";
import { MemoryCache } from "../../../src/object-cache/memory-cache.ts";
import { ObjectCache } from "../../../src/object-cache/object-cache.ts";
import {
  parseDeleteTarget,
  parseObjectKey,
  parsePutTarget,
} from "../../../src/object-cache/object-key.ts";
import { temporaryFolder } from "../../support/temp.ts";

const large = Buffer.alloc(3_000_000, "large");
const prefix = "app/ssn";
const lostText = "is lost: it was put with durable=False";

let folder: { path: string; remove: () => void };
let caches: ObjectCache[];
let cache: ObjectCache;
let warnings: { file?: string; reason?: string }[];
let ids: number;

const logger: Logger = {
  ...silentLogger,
  warn: (fields) => {
    warnings.push(fields);
  },
};

/** Opens the folder as a new process would, after one that was killed. */
async function open(): Promise<void> {
  warnings = [];
  const store = new DiskStore({ logger }, { folder: folder.path, bytesMax: 50_000_000 });
  const memory = new MemoryCache({ policy: "lru", bytesMax: 0 });
  cache = await ObjectCache.open({ store, memory, logger });
  caches.push(cache);
}

beforeEach(async () => {
  folder = temporaryFolder("unsynced");
  caches = [];
  ids = 0;
  await open();
});

afterEach(async () => {
  for (const one of caches) await one.close();
  folder.remove();
});

/** @returns the key */
async function put(path: string, content: Buffer | string, durable: boolean): Promise<string> {
  const target = parsePutTarget(path, () => `id-${ids++}`, durable);
  const writer = cache.createWriter(durable);
  try {
    await writer.append(Buffer.from(content));
    await cache.commit({ ...target, operation: "put", format: "opaque" }, writer);
    return target.key.text;
  } finally {
    await writer.abort();
  }
}

const versionOf = (key: string): number | undefined =>
  cache.find(parseObjectKey(key))?.base.version;

async function get(key: string): Promise<string> {
  const view = cache.view(parseObjectKey(key), 0);
  try {
    const [piece] = view.pieces;
    if (piece === undefined) throw new Error("no piece");
    const reader = await cache.openPiece(piece);
    const bytes = Buffer.alloc(piece.size);
    await reader.read(bytes).finally(() => reader.close());
    return bytes.toString();
  } finally {
    await view.release();
  }
}

const pathsIn = (name: string, ending: string): string[] =>
  readdirSync(join(folder.path, name))
    .filter((one) => one.endsWith(ending))
    .map((one) => join(folder.path, name, one));

function only(name: string, ending: string): string {
  const [path, ...more] = pathsIn(name, ending);
  if (path === undefined || more.length > 0) throw new Error(`not one ${ending} in ${name}`);
  return path;
}

/** What a power cut may make of a file that nobody synced. */
const damages: Readonly<Record<string, (path: string) => void>> = {
  "is gone": (path) => rmSync(path),
  "has no bytes": (path) => truncateSync(path, 0),
  "was cut short": (path) => truncateSync(path, statSync(path).size - 40),
  "has zeros for its bytes": (path) => writeFileSync(path, Buffer.alloc(statSync(path).size)),
  "has zeros for some bytes": (path) => {
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0, 40, 80));
  },
};

describe("an object that was put with durable=False", () => {
  it("is there after its cache was killed, large and small, in files of its own", async () => {
    const [one, other] = [await put(prefix, large, false), await put(prefix, "small", false)];
    await put(prefix, "durable", true);
    expect(pathsIn("pieces", "")).toEqual([expect.stringMatching(/-1\.unsynced$/)]);
    expect(pathsIn("small", ".log")).toHaveLength(1);
    expect(readFileSync(only("small", ".unsynced"), "utf8")).toContain("small");
    for (let restart = 0; restart < 2; restart++) {
      await open();
      expect(await get(one)).toBe(large.toString());
      expect(await get(other)).toBe("small");
      expect(warnings).toEqual([]);
    }
  });

  it.each(Object.keys(damages))(
    "is told to be lost, and leaves nothing, when its file %s at the next start",
    async (damage) => {
      const lost = await put(prefix, large, false);
      damages[damage]?.(only("pieces", ".unsynced"));
      const whole = await put(prefix, `${large.toString()} whole`, false);
      await open();
      expect(() => cache.view(parseObjectKey(lost), 0)).toThrow(lostText);
      expect(() => cache.view(parseObjectKey(lost), 1)).toThrow(lostText);
      expect(() => cache.checkPatchable(parseObjectKey(lost))).toThrow(lostText);
      expect(await get(whole)).toBe(`${large.toString()} whole`);
      expect(warnings).toHaveLength(damage === "is gone" ? 0 : 1);
      expect(cache.usage).toMatchObject({
        objects: 1,
        storedBytes: statSync(only("pieces", ".unsynced")).size,
      });
      await open();
      expect(warnings).toEqual([]);
      expect(() => cache.view(parseObjectKey(lost), 0)).toThrow(lostText);
    },
  );

  it.each(Object.keys(damages))(
    "is told to be lost when the log of small ones %s, which goes and takes no durable object along",
    async (damage) => {
      const durable = await put(prefix, "durable", true);
      const lost = await put(prefix, "small and soon to be lost", false);
      const later = await put(prefix, "durable, too", true);
      damages[damage]?.(only("small", ".unsynced"));
      await open();
      expect(() => cache.view(parseObjectKey(lost), 0)).toThrow(lostText);
      expect([await get(durable), await get(later)]).toEqual(["durable", "durable, too"]);
      expect(pathsIn("small", ".unsynced")).toEqual([]);
      await open();
      expect(warnings).toEqual([]);
      expect([await get(durable), await get(later)]).toEqual(["durable", "durable, too"]);
    },
  );

  it("is still got when another one before it in the log of small ones is lost", async () => {
    const lost = await put(prefix, "x".repeat(1_000), false);
    const whole = await put(prefix, "whole", false);
    const path = only("small", ".unsynced");
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0, 500, 600));
    for (let restart = 0; restart < 2; restart++) {
      await open();
      expect(() => cache.view(parseObjectKey(lost), 0)).toThrow(lostText);
      expect(await get(whole)).toBe("whole");
    }
  });

  it("is not found like any other when it was deleted, also after a restart", async () => {
    const keys = [await put(prefix, large, false), await put(prefix, "small", false)];
    await cache.delete([parseDeleteTarget(prefix)]);
    for (let restart = 0; restart < 2; restart++) {
      for (const key of keys) {
        expect(() => cache.view(parseObjectKey(key), 0)).toThrow("it was never put, was deleted");
      }
      await open();
    }
  });

  it("cannot be patched, and is durable once it was updated", async () => {
    for (const content of [large, "small"]) {
      const key = await put(prefix, content, false);
      expect(() => cache.checkPatchable(parseObjectKey(key))).toThrow(
        "was put with durable=False, and patches of what a power cut may take are not kept; update it instead",
      );
      await put(key, "updated", true);
      cache.checkPatchable(parseObjectKey(key));
      await open();
      expect([versionOf(key), await get(key)]).toEqual([2, "updated"]);
    }
    expect(pathsIn("pieces", "")).toEqual([]);
  });

  it("never has another content under a version that somebody may hold of it", async () => {
    const key = await put(prefix, large, false);
    rmSync(only("pieces", ".unsynced"));
    await open();
    await put(key, "put again", true);
    expect(versionOf(key)).toBe(2);
    expect(cache.view(parseObjectKey(key), 1).kind).toBe("full");
  });

  it("has a key that the cache made up: a named one is refused", async () => {
    const why = `it names its object "app/ssn/named", which may have had other versions`;
    await expect(put("app/ssn/named", large, false)).rejects.toThrow(why);
    expect(cache.list()).toEqual([]);
  });
});
