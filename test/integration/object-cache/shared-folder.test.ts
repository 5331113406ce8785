import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ObjectClient } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { SharedFolder } from "../../../src/object-cache/shared-folder.ts";
import { allocateFlightData, decodeFlightData } from "../../../src/protocol/flight/flight-data.ts";
import { flightDefinition } from "../../../src/protocol/flight/flight-definition.ts";
import { requestSchemaHeader } from "../../../src/protocol/flight/opaque-headers.ts";
import { frameRequestRow } from "../../../src/protocol/flight/opaque-rows.ts";
import {
  Action,
  FlightDescriptor,
  Ticket,
} from "../../../src/protocol/generated/arrow/flight/flight.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { TestClock } from "../../support/test-clock.ts";
import { waitFor } from "../../support/wait-for.ts";

const key = "app/ssn/x";
const name = `shared-${"0123456789abcdef".repeat(2)}`;
const large = Buffer.alloc(5_000_000, "large");
const patient = { deadlineMs: 60_000 };
const raw = (bytes: Buffer): Buffer => bytes;

let folder: { path: string; remove: () => void };
let running: RunningObjectCache;
let client: ObjectClient;
let calls: Client;
let proof: string;

async function start(storage?: string): Promise<void> {
  const env = { FLAME_HOME: folder.path, HOME: folder.path };
  const config = loadClusterConfig({
    env: storage === undefined ? env : { ...env, FLAME_CACHE_STORAGE: storage },
  });
  running = await startObjectCache({ config, logger: silentLogger, port: 0 });
  client = new ObjectClient({ endpoint: running.endpoint });
  calls = new Client(`127.0.0.1:${running.port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
  });
  if (storage === undefined) proof = readFileSync(objects("cache.share"), "utf8");
}

async function stop(): Promise<void> {
  client.close();
  calls.close();
  await running.close();
}

beforeEach(async () => {
  folder = temporaryFolder("shared");
  await start();
});
afterEach(async () => {
  await stop();
  folder.remove();
});

const objects = (...path: string[]): string => join(folder.path, "data/objects", ...path);
const shared = (): string => objects("tmp", name);
const content = async (): Promise<Buffer> =>
  await client.get({ endpoint: running.endpoint, key, version: 0 });

function said(words: string): Metadata {
  const metadata = new Metadata();
  metadata.set("flame-share", words);
  return metadata;
}

/** @returns nothing; the text of the refusal when it was refused */
function put(description: unknown, words = proof, batches?: string): Promise<string | undefined> {
  const descriptor = FlightDescriptor.encode(
    FlightDescriptor.fromPartial({ type: 1, path: [key] }),
  ).finish();
  const row = frameRequestRow(0);
  const appMetadata = Buffer.from(
    typeof description === "string" ? description : JSON.stringify(description),
  );
  const { message, body } = allocateFlightData(row.header, row.bodyBytes, undefined, appMetadata);
  row.writeAround(body);
  const metadata = said(words);
  if (batches !== undefined) metadata.set("flame-batches", batches);
  const call = calls.makeBidiStreamRequest(flightDefinition.doPut.path, raw, raw, metadata);
  return new Promise((resolve) => {
    call.on("data", () => resolve(undefined));
    call.on("error", (error: { details?: string }) => resolve(error.details));
    call.write(allocateFlightData(requestSchemaHeader, 0, Buffer.from(descriptor)).message);
    call.write(message);
    call.end();
  });
}

/** What the last message of a get says of a file, and how many bytes came. */
function get(words: string): Promise<{ described: string; bytes: number }> {
  const ticket = Buffer.from(Ticket.encode({ ticket: Buffer.from(key) }).finish());
  const { path } = flightDefinition.doGet;
  const call = calls.makeServerStreamRequest(path, raw, raw, ticket, said(words));
  let described = "";
  let bytes = 0;
  return new Promise((resolve, reject) => {
    call.on("data", (message: Buffer) => {
      described = decodeFlightData(message).appMetadata.toString();
      bytes += message.length;
    });
    call.on("end", () => resolve({ described, bytes }));
    call.on("error", reject);
  });
}

function share(): Promise<string> {
  const action = Buffer.from(
    Action.encode({ type: "FLAME_SHARE", body: Buffer.alloc(0) }).finish(),
  );
  const { path, responseDeserialize } = flightDefinition.doAction;
  const call = calls.makeServerStreamRequest(path, raw, responseDeserialize, action);
  return new Promise((resolve, reject) => {
    call.on("data", ({ body }: { body: Buffer }) => resolve(body.toString()));
    call.on("error", reject);
  });
}

describe("the shared folder of the object cache", () => {
  it("takes an object from a file and hands out the file of a piece", async () => {
    const sha256 = createHash("sha256").update(proof).digest("hex");
    expect(await share()).toBe(JSON.stringify({ folder: objects(), sha256 }));
    writeFileSync(shared(), large);
    expect(await put({ file: name, size: large.length })).toBeUndefined();
    expect(readdirSync(objects("tmp"))).toEqual([]);
    expect((await content()).equals(large)).toBe(true);

    const { described, bytes } = await get(proof);
    expect(bytes).toBeLessThan(2_000);
    const { file, size } = JSON.parse(described) as { file: string; size: number };
    expect(size).toBe(large.length);
    expect(readFileSync(objects("pieces", file)).subarray(0, size).equals(large)).toBe(true);
    expect(statSync(objects("pieces", file)).mode & 0o777).toBe(0o600);
    expect(statSync(objects("cache.share")).mode & 0o777).toBe(0o600);
  });

  it.each([
    ["2", "the put was broken off: 1 record batches came, flame-batches said 2"],
    ["0", "the put was broken off: 1 record batches came, flame-batches said 0"],
    [
      "many",
      "bad metadata flame-batches: expected the number of record batches as a decimal number",
    ],
  ])("stores nothing of a put that says %s record batches and brings one", async (batches, why) => {
    writeFileSync(shared(), large);
    const file = { file: name, size: large.length };
    expect(await put(file, proof, batches)).toContain(why);
    await expect(content()).rejects.toMatchObject({ code: "not_found" });
    writeFileSync(shared(), large);
    expect(await put(file, proof, "1")).toBeUndefined();
    expect((await content()).equals(large)).toBe(true);
  });

  it("keeps an object as it was acknowledged, whatever its client still does with the file", async () => {
    writeFileSync(shared(), large);
    const descriptor = openSync(shared(), "r+");
    expect(await put({ file: name, size: large.length })).toBeUndefined();
    writeSync(descriptor, "changed later");
    expect((await content()).equals(large)).toBe(true);
  });

  it("hands out small objects, and objects to whoever does not prove it, as messages", async () => {
    await client.put(key, large);
    for (const words of ["", "0".repeat(64), `${proof}0`]) {
      const { described, bytes } = await get(words);
      expect(described).toBe("");
      expect(bytes).toBeGreaterThan(large.length);
    }
    await client.put(key, Buffer.from("small"));
    expect((await get(proof)).described).toBe("");
  });

  it.each<[string, string, () => void]>([
    ["a link to another file", "ELOOP", () => symlinkSync(secret(), shared())],
    ["another name of a file", "it has 2 names", () => linkSync(secret(), shared())],
    ["a pipe", "no regular file", () => execFileSync("mkfifo", [shared()])],
    ["a folder", "no regular file", () => mkdirSync(shared())],
    ["a file that is not there", "it is not there", () => undefined],
    ["a file of another size", "it has 7 bytes", () => writeFileSync(shared(), "another")],
  ])("does not take %s", async (_, why, make) => {
    make();
    expect(await put({ file: name, size: 6 })).toContain(why);
    await expect(content()).rejects.toMatchObject({ code: "not_found" });
    expect(readFileSync(secret(), "utf8")).toBe("secret");
  });

  it("does not take a file of another user", async () => {
    // Only root can give a file away.
    if (process.getuid?.() !== 0) return;
    writeFileSync(shared(), "secret");
    chownSync(shared(), 65534, 65534);
    expect(await put({ file: name, size: 6 })).toContain("it belongs to user 65534");
    await expect(content()).rejects.toMatchObject({ code: "not_found" });
  });

  it.each([
    "../cache.share",
    "/etc/passwd",
    `../pieces/${name}`,
    `${name}/../${name}`,
    `${name}\u0000`,
    "",
    "shared-",
    "tmp",
  ])("takes no file by the name %j", async (file) => {
    writeFileSync(shared(), "secret");
    expect(await put({ file, size: 6 })).toContain('expected a name "shared-" and 32 hex digits');
    expect(readFileSync(shared(), "utf8")).toBe("secret");
  });

  it.each<[unknown]>([
    ["no json"],
    ["null"],
    [{ file: name }],
    [{ file: name, size: -1 }],
    [{ file: name, size: 0 }],
    [{ file: name, size: 1.5 }],
    [{ file: 7, size: 6 }],
  ])("refuses the description %j", async (description) => {
    writeFileSync(shared(), "secret");
    expect(await put(description)).toContain("bad description of a file in the shared folder");
  });

  it("takes nothing from whoever does not prove that it reads the folder", async () => {
    writeFileSync(shared(), "secret");
    for (const words of ["0".repeat(64), `${proof}0`, proof.slice(1)]) {
      expect(await put({ file: name, size: 6 }, words)).toContain(
        "the shared folder is another one",
      );
    }
    expect(readFileSync(shared(), "utf8")).toBe("secret");
  });

  it("refuses a file that is larger than an object may be", async () => {
    writeFileSync(shared(), "secret");
    expect(await put({ file: name, size: 2 ** 31 })).toContain("at most 2147479552");
    expect(readFileSync(shared(), "utf8")).toBe("secret");
  });

  it("proves itself anew after a restart, which removes what was under way", async () => {
    const before = proof;
    writeFileSync(shared(), "secret");
    await stop();
    await start();
    expect(proof).not.toBe(before);
    expect(readdirSync(objects("tmp"))).toEqual([]);
    writeFileSync(shared(), "secret");
    expect(await put({ file: name, size: 6 }, before)).toContain(
      "the shared folder is another one",
    );
    expect(await put({ file: name, size: 6 })).toBeUndefined();
  });

  it("loses the files of clients that were killed, and no younger ones", async () => {
    const left = objects("tmp", `shared-${"f".repeat(32)}`);
    const younger = objects("tmp", `shared-${"e".repeat(32)}`);
    writeFileSync(left, "left");
    writeFileSync(younger, "younger");
    const clock = new TestClock();
    clock.dateAheadMs = Date.now();
    const longAgo = clock.now() / 1000 - 3600;
    utimesSync(left, longAgo, longAgo);
    const tidying = (await SharedFolder.open(objects())).keepTidy(clock);
    // A quarter of an hour from the start of the younger one, which may be under way.
    utimesSync(younger, clock.now() / 1000 + 600, clock.now() / 1000 + 600);
    await clock.pass(15 * 60 * 1000);
    await waitFor("the file of the killed client to go", () => !existsSync(left), patient);
    expect(existsSync(younger)).toBe(true);
    // And goes on doing so.
    await clock.pass(30 * 60 * 1000);
    await waitFor("the other file to go", () => !existsSync(younger), patient);
    tidying.cancel();
  });

  it("is not there without a folder", async () => {
    await stop();
    await start("none");
    expect(await share()).toBe("{}");
    expect(await put({ file: name, size: 6 })).toContain("the shared folder is another one");
  });
});

/** A file of the cache's user that no client named. */
function secret(): string {
  const path = join(folder.path, "secret");
  if (!existsSync(path)) appendFileSync(path, "secret");
  return path;
}
