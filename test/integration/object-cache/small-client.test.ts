import { rmSync, unlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ObjectClient, type ObjectRef } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { temporaryFolder } from "../../support/temp.ts";

const prefix = "app/ssn";
const smallMax = 16 * 1024;
const bytes = (size: number, fill = "small"): Buffer => Buffer.alloc(size, fill);
const unavailable = { code: "unavailable" };

let folder: { path: string; remove: () => void };
let running: RunningObjectCache;
let between: Server;
let endpoint: string;
let client: ObjectClient;
let door: Server | undefined;
const sockets = new Set<Socket>();

async function start(): Promise<void> {
  const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
  running = await startObjectCache({ config, logger: silentLogger, port: 0 });
}

function passOn(inward: Socket): void {
  const outward = connect(running.port, "127.0.0.1");
  for (const [from, to] of [
    [inward, outward],
    [outward, inward],
  ] as const) {
    sockets.add(from);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
    from.pipe(to);
  }
}

function cut(): void {
  between.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
}

beforeEach(async () => {
  folder = temporaryFolder("c");
  await start();
  between = createServer(passOn);
  await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
  const address = between.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  endpoint = `grpc://127.0.0.1:${address.port}`;
  client = new ObjectClient({ endpoint });
});

afterEach(async () => {
  client.close();
  cut();
  door?.close();
  door = undefined;
  await running.close();
  folder.remove();
});

const objects = (...path: string[]): string => join(folder.path, "data/objects", ...path);
/** The reference as one that the configured cache made. */
const here = (ref: ObjectRef): ObjectRef => ({ ...ref, endpoint });

/** Stands in for the cache's own socket. */
async function play(take: (socket: Socket) => void): Promise<void> {
  unlinkSync(objects("small.sock"));
  door = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    take(socket);
  });
  await new Promise<void>((resolve) => door?.listen(objects("small.sock"), resolve));
}

/** Whether small objects reach the cache when nothing else does. */
async function usesSocket(): Promise<boolean> {
  cut();
  return await client.put(prefix, bytes(1)).then(
    () => true,
    () => false,
  );
}

describe("the TypeScript client and the socket of small objects", () => {
  it("puts and gets there, durable or not, with nothing that goes by a call", async () => {
    await client.put(prefix, bytes(0));
    cut();
    const sizes = Array.from({ length: 500 }, (_, number) => Math.min(number * 40, smallMax));
    const refs = await Promise.all(
      sizes.map((size, number) =>
        client.put(prefix, bytes(size, `${size}`), { durable: number % 2 === 0 }),
      ),
    );
    const got = await Promise.all(refs.map((ref) => client.get(here(ref))));
    expect(got.every((data, one) => data.equals(bytes(sizes[one] ?? -1, `${sizes[one]}`)))).toBe(
      true,
    );
    const isUnsynced = ({ key }: ObjectRef): boolean => key.startsWith(`${prefix}/unsynced-`);
    expect(refs.map(isUnsynced)).toEqual(sizes.map((_, number) => number % 2 === 1));
    expect(refs.every((ref) => ref.endpoint === running.endpoint && ref.version === 1)).toBe(true);
    const [first = { endpoint, key: "", version: 0 }] = refs;
    expect(await client.fetch(here(first), 1)).toEqual({ kind: "unchanged" });
    await expect(client.put(`${prefix}/named`, bytes(1))).rejects.toMatchObject(unavailable);
    await expect(client.put(prefix, bytes(smallMax + 1))).rejects.toMatchObject(unavailable);
    await expect(client.put(prefix, bytes(1), { expectedVersion: 0 })).rejects.toMatchObject(
      unavailable,
    );
  });

  it("leaves to calls what is named, large, has patches, is not there or is wrong", async () => {
    const named = here(await client.put(`${prefix}/named`, bytes(10)));
    const large = here(await client.put(prefix, bytes(smallMax + 1)));
    expect((await client.get(large)).equals(bytes(smallMax + 1))).toBe(true);
    await client.patch(named, Buffer.from("+"));
    expect(await client.fetch(named, 0)).toMatchObject({ kind: "full", version: 2, patches: [{}] });
    expect(await client.fetch(named, 1)).toMatchObject({ kind: "patches", version: 2 });
    const missing = { endpoint, key: `${prefix}/nothing`, version: 0 };
    await expect(client.get(missing)).rejects.toMatchObject({ code: "not_found" });
    await expect(client.put("../x", bytes(1))).rejects.toMatchObject({ code: "invalid_argument" });
    const long = `app/${"x".repeat(9_000)}`;
    await expect(client.put(long, bytes(1))).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(client.fetch(named, -1)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("goes on after a restart of the cache, on the new socket", async () => {
    const refs = await Promise.all([1, 2, 3].map((size) => client.put(prefix, bytes(size))));
    await running.close();
    for (const socket of sockets) socket.destroy();
    await start();
    const got = await Promise.all(refs.map((ref) => client.get(here(ref))));
    expect(got.map(({ length }) => length)).toEqual([1, 2, 3]);
    expect(await usesSocket()).toBe(true);
  });

  it("asks nothing of the socket for a reference that names another server", async () => {
    const ref = await client.put(prefix, bytes(1));
    expect(ref.endpoint).not.toBe(endpoint);
    const elsewhere = new ObjectClient({ endpoint: running.endpoint });
    try {
      await elsewhere.get(ref);
      cut();
      await expect(elsewhere.get(here(ref))).rejects.toMatchObject(unavailable);
    } finally {
      elsewhere.close();
    }
  });

  it.each<[string, () => void]>([
    ["the proof is none", () => writeFileSync(objects("cache.share"), "0".repeat(63))],
    ["the proof is not there", () => unlinkSync(objects("cache.share"))],
    ["the folder is another cache's", () => writeFileSync(objects("cache.share"), "0".repeat(64))],
    ["there is no socket", () => rmSync(objects("small.sock"))],
  ])("uses calls where %s", async (_, spoil) => {
    spoil();
    const ref = here(await client.put(prefix, bytes(10)));
    expect((await client.get(ref)).equals(bytes(10))).toBe(true);
    expect(await usesSocket()).toBe(false);
  });

  it.each<[string, string | Buffer]>([
    ["no words at all", ""],
    ["the words of HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["a message that is too long", Buffer.from([255, 255, 255, 255])],
    ["an answer of no kind", Buffer.from([0, 0, 0, 5, 0, 0, 0, 1, 9])],
    ["an answer that is too short", Buffer.from([0, 0, 0, 2, 0, 0])],
    ["bytes without a version", Buffer.from([0, 0, 0, 6, 0, 0, 0, 1, 3, 0])],
    ["what nobody asked", Buffer.from([0, 0, 0, 5, 0, 0, 0, 77, 2])],
  ])("puts and gets by calls when the socket ends after %s", async (_, said) => {
    await play((socket) => socket.once("data", () => socket.end(said)));
    const ref = here(await client.put(prefix, bytes(10)));
    expect((await client.get(ref)).equals(bytes(10))).toBe(true);
    expect(await client.list()).toHaveLength(1);
  });

  it("waits for an answer as long as for one of a call, and takes none that comes late", async () => {
    const patient = client;
    const ref = here(await patient.put(prefix, bytes(10)));
    const requests: Buffer[] = [];
    await play((socket) => socket.on("data", (chunk) => requests.push(chunk)));
    client = new ObjectClient({ endpoint, callTimeoutMs: 300 });
    await expect(client.get(ref)).rejects.toMatchObject({
      code: "deadline_exceeded",
      message: "the object cache on 127.0.0.1 gave no answer within 300 ms",
    });
    expect(Buffer.concat(requests).includes(ref.key)).toBe(true);
    // One that asked the cache before has the old socket.
    expect((await patient.get(ref)).equals(bytes(10))).toBe(true);
    patient.close();
  });

  it("keeps no process that waits for nothing", async () => {
    const pipes = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === "PipeWrap").length;
    const before = pipes();
    await client.put(prefix, bytes(1));
    // The cache's end of the connection is in this process, too.
    expect(pipes()).toBe(before + 1);
    expect(await usesSocket()).toBe(true);
  });
});
