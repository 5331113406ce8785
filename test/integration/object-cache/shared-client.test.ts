import { readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ObjectClient, type ObjectRef } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { temporaryFolder } from "../../support/temp.ts";

const key = "app/ssn/x";
const large = Buffer.alloc(5_000_000, "large");
const fileMax = 100_000;

let folder: { path: string; remove: () => void };
let running: RunningObjectCache;
let between: Server;
let client: ObjectClient;
let endpoint: string;
/** Bytes that client and cache sent one another. */
let travelled: number;
const sockets = new Set<Socket>();

async function start(): Promise<void> {
  const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
  const cache = { ...config.cache, maxDiskBytes: 12_000_000 };
  running = await startObjectCache({ config: { ...config, cache }, logger: silentLogger, port: 0 });
}

/** Passes bytes on to the cache that runs now, and counts them. */
function counting(inward: Socket): void {
  const outward = connect(running.port, "127.0.0.1");
  for (const [from, to] of [
    [inward, outward],
    [outward, inward],
  ] as const) {
    sockets.add(from);
    from.on("data", ({ length }) => {
      travelled += length;
    });
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
    from.pipe(to);
  }
}

beforeEach(async () => {
  folder = temporaryFolder("shared");
  await start();
  between = createServer(counting);
  await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
  const address = between.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  endpoint = `grpc://127.0.0.1:${address.port}`;
  client = new ObjectClient({ endpoint });
  travelled = 0;
});

afterEach(async () => {
  client.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise((resolve) => between.close(resolve));
  await running.close();
  folder.remove();
});

const objects = (...path: string[]): string => join(folder.path, "data/objects", ...path);
/** The reference as one that the configured cache made. */
const here = (ref: ObjectRef): ObjectRef => ({ ...ref, endpoint });

describe("the TypeScript client on the host of the object cache", () => {
  it("puts, updates, patches and gets large objects through files", async () => {
    const ref = here(await client.put(key, large));
    expect((await client.get(ref)).equals(large)).toBe(true);
    const other = Buffer.alloc(4_000_000, "other");
    await client.update(ref, other, { expectedVersion: 1 });
    await client.patch(ref, large);
    const change = await client.fetch(ref, 0);
    if (change.kind !== "full") throw new Error(`got ${change.kind}`);
    expect([change.version, change.patches.length]).toEqual([3, 1]);
    expect(change.data.equals(other)).toBe(true);
    expect(change.patches[0]?.data.equals(large)).toBe(true);
    expect(travelled).toBeLessThan(fileMax);
    expect(readdirSync(objects("tmp"))).toEqual([]);
  });

  it("keeps the rules of a put: expected versions, and the limit of the disk", async () => {
    const ref = here(await client.put(key, large));
    await expect(client.update(ref, large, { expectedVersion: 7 })).rejects.toMatchObject({
      code: "aborted",
      message: expect.stringContaining("expected version 7, its current version is 1"),
    });
    await client.put("app/ssn/y", large);
    await expect(client.put("app/ssn/z", large)).rejects.toMatchObject({
      code: "resource_exhausted",
      message: expect.stringContaining("the object cache is full"),
    });
    expect(travelled).toBeLessThan(fileMax);
    expect(readdirSync(objects("tmp"))).toEqual([]);
    // What was refused holds no room.
    await client.delete("app/ssn/y");
    await client.put("app/ssn/z", large);
  });

  it("uses no file for a reference that names another server than the configured one", async () => {
    const ref = await client.put(key, large);
    expect(ref.endpoint).not.toBe(endpoint);
    const elsewhere = new ObjectClient({ endpoint: running.endpoint });
    try {
      travelled = 0;
      expect((await elsewhere.get(here(ref))).equals(large)).toBe(true);
      expect(travelled).toBeGreaterThan(large.length);
    } finally {
      elsewhere.close();
    }
  });

  it.each<[string, () => void]>([
    ["says no proof", () => writeFileSync(objects("cache.share"), "0".repeat(63))],
    ["is not there", () => unlinkSync(objects("cache.share"))],
    ["is of another cache", () => writeFileSync(objects("cache.share"), "0".repeat(64))],
  ])("sends messages where the file of the proof %s", async (_, spoil) => {
    spoil();
    const ref = here(await client.put(key, large));
    expect(travelled).toBeGreaterThan(large.length);
    expect((await client.get(ref)).equals(large)).toBe(true);
    expect(travelled).toBeGreaterThan(2 * large.length);
    expect(readdirSync(objects("tmp"))).toEqual([]);
  });

  it("goes on after a restart of the cache, whose proof is another one then", async () => {
    const ref = here(await client.put(key, large));
    await running.close();
    for (const socket of sockets) socket.destroy();
    await start();
    await client.put(key, large);
    travelled = 0;
    expect((await client.get(ref)).equals(large)).toBe(true);
    await client.put(key, large);
    expect(travelled).toBeLessThan(fileMax);
  });

  it("reads a damaged file as little as the cache does", async () => {
    const ref = here(await client.put(key, large));
    const [piece] = readdirSync(objects("pieces"));
    const path = objects("pieces", piece ?? "");
    const content = readFileSync(path);
    content[1_000] = 0;
    writeFileSync(path, content);
    await expect(client.get(ref)).rejects.toMatchObject({ code: "internal" });
  });
});
