import { readdir, readFile, writeFile } from "node:fs/promises";
import { type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import {
  decodeObjectRef,
  encodeObjectRef,
  ObjectClient,
  type ObjectRef,
} from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import {
  type ObjectCacheConfig,
  type RunningObjectCache,
  startObjectCache,
} from "../../../src/object-cache/compose.ts";
import { allocateFlightData } from "../../../src/protocol/flight/flight-data.ts";
import { requestSchemaHeader } from "../../../src/protocol/flight/opaque-headers.ts";
import { frameRequestRow } from "../../../src/protocol/flight/opaque-rows.ts";
import { FlightDescriptor } from "../../../src/protocol/generated/arrow/flight/flight.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

let folder: { path: string; remove: () => void };
let running: RunningObjectCache;
let client: ObjectClient;

function configuration(cache: Partial<ObjectCacheConfig["cache"]> = {}): ObjectCacheConfig {
  const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
  return { ...config, cache: { ...config.cache, ...cache } };
}

async function start(
  cache: Partial<ObjectCacheConfig["cache"]> = {},
  options: { transferWaitMs?: number; registry?: Registry; logger?: Logger } = {},
): Promise<void> {
  running = await startObjectCache({
    config: configuration(cache),
    logger: silentLogger,
    port: 0,
    ...options,
  });
  client = new ObjectClient({ endpoint: running.endpoint });
}

async function stop(): Promise<void> {
  client.close();
  await running.close();
}

beforeEach(async () => {
  folder = temporaryFolder("cache");
  await start();
});

afterEach(async () => {
  await stop();
  folder.remove();
});

const text = async (ref: ObjectRef) => (await client.get(ref)).toString();
const bytes = (value: string) => Buffer.from(value);

/** The schema and one row of a put that would go on. */
function halfAPut(key: string, bytes = 100): Buffer[] {
  const descriptor = FlightDescriptor.fromPartial({ type: 1, path: [key] });
  const encoded = Buffer.from(FlightDescriptor.encode(descriptor).finish());
  const row = frameRequestRow(bytes);
  const { message, body } = allocateFlightData(row.header, row.bodyBytes);
  row.writeAround(body);
  return [allocateFlightData(requestSchemaHeader, 0, encoded).message, message];
}

/** A gRPC message as it stands in an HTTP/2 stream. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

describe("the object client", () => {
  it("puts, gets, updates and deletes", async () => {
    const ref = await client.put("app/ssn", bytes("hello"));
    expect(ref).toEqual({
      endpoint: `grpc://127.0.0.1:${running.port}`,
      key: expect.stringMatching(/^app\/ssn\/[0-9a-f-]{36}$/),
      version: 1,
    });
    expect(await text(ref)).toBe("hello");
    const newer = await client.update(ref, bytes("world"));
    expect(newer).toEqual({ ...ref, version: 2 });
    expect(await text(ref)).toBe("world");
    await client.delete("app/ssn");
    await expect(client.get(ref)).rejects.toMatchObject({ code: "not_found" });
    await client.delete("app/ssn");
  });

  it("puts under a key of its own, colons and an empty object included", async () => {
    const ref = await client.put("app/ssn/a:b", bytes(""));
    expect(ref.key).toBe("app/ssn/a:b");
    expect(await text(ref)).toBe("");
  });

  it("finds an object by a reference that went through its encoding", async () => {
    const encoded = encodeObjectRef(await client.put("app/ssn", bytes("kept elsewhere")));
    expect(await text(decodeObjectRef(encoded))).toBe("kept elsewhere");
  });

  it("fetches only what changed", async () => {
    const ref = await client.put("app/ssn/obj", bytes("base"));
    expect(await client.fetch(ref, 1)).toEqual({ kind: "unchanged" });
    await client.patch(ref, bytes("p2"));
    const patched = await client.patch(ref, bytes("p3"));
    expect(patched.version).toBe(3);
    expect(await client.fetch(ref, 2)).toEqual({
      kind: "patches",
      version: 3,
      patches: [{ version: 3, kind: "patch", data: bytes("p3") }],
    });
    expect(await client.fetch(ref, 0)).toMatchObject({
      kind: "full",
      version: 3,
      data: bytes("base"),
      patches: [{ version: 2 }, { version: 3 }],
    });
  });

  it("changes an object only at the version it expects", async () => {
    const ref = await client.put("app/ssn/state", bytes("1"), { expectedVersion: 0 });
    await client.update(ref, bytes("2"), { expectedVersion: 1 });
    await expect(client.update(ref, bytes("late"), { expectedVersion: 1 })).rejects.toMatchObject({
      code: "aborted",
      message: expect.stringContaining("expected version 1, its current version is 2"),
    });
    expect(await text(ref)).toBe("2");
  });

  it("uploads and downloads files", async () => {
    const content = Buffer.alloc(3 * 1024 * 1024 + 17, "flame");
    const file = join(folder.path, "up.bin");
    await writeFile(file, content);
    const ref = await client.upload("app/pkg/up.bin", file);
    await client.download(ref, join(folder.path, "down.bin"));
    expect(content.equals(await readFile(join(folder.path, "down.bin")))).toBe(true);
    await expect(client.upload("app/pkg", join(folder.path, "none"))).rejects.toThrow("ENOENT");
    await expect(client.upload("app/pkg/e", "/dev/null")).rejects.toThrow("no record batch came");
  });

  it("downloads no object that has patches, and leaves no file", async () => {
    const ref = await client.put("app/pkg/patched", bytes("base"));
    await client.patch(ref, bytes("+"));
    await expect(client.download(ref, join(folder.path, "down.bin"))).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining('"app/pkg/patched" has 1 patches, expected none'),
    });
    expect((await readdir(folder.path)).filter((name) => name.startsWith("down"))).toEqual([]);
  });

  it("carries an object of 64 MiB, and what it carried survives a restart", async () => {
    const large = Buffer.alloc(64 * 1024 * 1024, "0123456789abcdef-");
    const ref = await client.put("app/ssn/large", large);
    expect(large.equals(await client.get(ref))).toBe(true);
    await stop();
    await start();
    expect(large.equals(await client.get({ ...ref, endpoint: running.endpoint }))).toBe(true);
    expect((await client.put("app/ssn/large", bytes("small"))).version).toBe(2);
  });

  it("is told why a put is refused, while it still sends", async () => {
    const large = Buffer.alloc(8 * 1024 * 1024);
    await expect(client.put("app/../x", large)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining('part 2 contains ".."'),
    });
    await expect(client.put("app/*", large)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it.each([
    ["cancels it", (stream: ClientHttp2Stream) => stream.close(constants.NGHTTP2_CANCEL)],
    ["loses its connection", (stream: ClientHttp2Stream) => stream.session?.destroy()],
    ["is killed", (_stream: ClientHttp2Stream, socket: Socket) => socket.resetAndDestroy()],
    ["vanishes", (_stream: ClientHttp2Stream, socket: Socket) => socket.destroy()],
  ])("changes nothing by half a put when it %s", async (_how, goAway) => {
    const ref = await client.put("app/ssn/x", bytes("before"));
    const socket = connectSocket(running.port, "127.0.0.1");
    const session = connect("http://127.0.0.1", { createConnection: () => socket });
    session.on("error", () => undefined);
    const stream = session.request({
      ":method": "POST",
      ":path": "/arrow.flight.protocol.FlightService/DoPut",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    // So much that it goes to a file.
    for (const message of halfAPut(ref.key, 200_000)) stream.write(framed(message));
    const received = () => readdir(join(folder.path, "data/objects/tmp"));
    await waitFor("bytes of the put", async () => (await received()).length === 1);
    goAway(stream, socket);
    await waitFor("their removal", async () => (await received()).length === 0);
    expect(await client.fetch(ref, 1)).toEqual({ kind: "unchanged" });
    session.destroy();
  });

  it("says that nobody listens", async () => {
    const { port } = running;
    await running.close();
    const lost = { endpoint: `grpc://127.0.0.1:${port}`, key: "a/b/c", version: 1 };
    await expect(client.get(lost)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("serves a hundred clients at once", async () => {
    const refs = await Promise.all(
      Array.from({ length: 100 }, (_, index) => client.put("app/many", bytes(`object ${index}`))),
    );
    const texts = await Promise.all(refs.map(text));
    expect(texts).toEqual(Array.from({ length: 100 }, (_, index) => `object ${index}`));
  });
});

it("the log of the cache names every call by its request id", async () => {
  await stop();
  const lines: Record<string, unknown>[] = [];
  const note = (fields: object): void => void lines.push({ ...fields });
  await start({}, { logger: { ...silentLogger, debug: note, warn: note } });
  // Small ones take no call where client and cache have one host.
  const ref = await client.put("app/ssn/x", bytes("x".repeat(20_000)));
  await client.get(ref);
  await client.delete("app/ssn/x");
  await client.get(ref).catch(() => undefined);
  const named = lines.filter(({ request }) => /^[0-9a-f-]{36}$/.test(String(request)));
  expect(named.map(({ operation, code }) => [operation, code])).toEqual([
    ["put", undefined],
    ["get", undefined],
    ["delete", undefined],
    ["get", "not_found"],
  ]);
  expect(new Set(named.map(({ request }) => request)).size).toBe(4);
});

describe("too many bytes at once", () => {
  const registry = new Registry();
  const metric = async (name: string) =>
    (await registry.getSingleMetric(name)?.get())?.values[0]?.value;

  beforeEach(async () => {
    registry.clear();
    await stop();
    await start({ maxTransferBytes: 1_000_000 }, { transferWaitMs: 300, registry });
  });

  it("wait for one another, and all arrive", async () => {
    // As long as a busy machine needs for twelve.
    registry.clear();
    await stop();
    await start({ maxTransferBytes: 1_000_000 }, { transferWaitMs: 30_000, registry });
    const large = Buffer.alloc(700_000, "large");
    const refs = await Promise.all(
      Array.from({ length: 12 }, (_, index) => client.put(`app/ssn/${index}`, large)),
    );
    const back = await Promise.all(refs.map((ref) => client.get(ref)));
    expect(back.every((one) => one.equals(large))).toBe(true);
    expect(await metric("flame_cache_transfer_bytes")).toBe(0);
  });

  it("of a client that stops sending: others are refused with a delay, then it is given up", async () => {
    const kept = await client.put("app/ssn/kept", Buffer.alloc(100_000));
    const session = connect(`http://127.0.0.1:${running.port}`);
    const stalled = session.request({
      ":method": "POST",
      ":path": "/arrow.flight.protocol.FlightService/DoPut",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const status = new Promise((resolve) => {
      stalled.on("response", (headers) => resolve(headers["grpc-status"]));
    });
    try {
      stalled.resume();
      const whole = Buffer.concat(halfAPut("app/ssn/stalled", 2_000_000).map(framed));
      stalled.write(whole.subarray(0, 1_500_000));
      await waitFor("the bytes to come", async () => {
        return ((await metric("flame_cache_transfer_bytes")) ?? 0) > 1_400_000;
      });
      await expect(client.get(kept)).rejects.toMatchObject({
        code: "resource_exhausted",
        message: expect.stringContaining("try again in 5 s"),
      });
      await waitFor("the stalled put to be given up", () =>
        client.get(kept).then(
          () => true,
          () => false,
        ),
      );
      expect(await status).toBe("4");
      expect(await metric("flame_cache_transfer_bytes")).toBe(0);
    } finally {
      session.destroy();
    }
  });
});

describe("starting an object cache", () => {
  it("refuses a folder that another one uses", async () => {
    const second = startObjectCache({ config: configuration(), logger: silentLogger, port: 0 });
    await expect(second).rejects.toMatchObject({
      code: "already_exists",
      message: expect.stringContaining(`process ${process.pid}`),
    });
  });

  it("names the address and the key when the port is taken, and gives the folder back", async () => {
    const other = temporaryFolder("other");
    const storage = { kind: "disk", dir: other.path } as const;
    const config = configuration({ storage });
    const again = () => startObjectCache({ config, logger: silentLogger, port: running.port });
    await expect(again()).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringMatching(
        /cannot listen on 127\.0\.0\.1:\d+: the port is taken; .*cache\.endpoint/,
      ),
    });
    await expect(again()).rejects.toThrow("the port is taken");
    other.remove();
  });

  it("names the folder and the key when it cannot be used", async () => {
    const file = join(folder.path, "a-file");
    await writeFile(file, "");
    const storage = { kind: "disk", dir: join(file, "objects") } as const;
    const config = configuration({ storage });
    const start = startObjectCache({ config, logger: silentLogger, port: 0 });
    await expect(start).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringMatching(/cannot use the folder ".*a-file\/objects".*cache\.storage/),
    });
  });

  it("keeps objects in memory only when asked, and refuses more than fit", async () => {
    await stop();
    await start({ storage: { kind: "memory" }, maxMemoryBytes: 1000 });
    const ref = await client.put("a/b", bytes("x".repeat(800)));
    await expect(client.put("a/b", bytes("y".repeat(800)))).rejects.toMatchObject({
      code: "resource_exhausted",
    });
    expect(await text(ref)).toHaveLength(800);
  });
});
