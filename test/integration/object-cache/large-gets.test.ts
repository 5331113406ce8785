import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ObjectClient, type ObjectRef } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { decodeFlightData, type FlightData } from "../../../src/protocol/flight/flight-data.ts";
import { flightDefinition } from "../../../src/protocol/flight/flight-definition.ts";
import { Ticket } from "../../../src/protocol/generated/arrow/flight/flight.ts";
import { framed } from "../../support/plain-http2.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

const mib = 1024 * 1024;
const raw = (bytes: Buffer): Buffer => bytes;
const unlimited = { "grpc.max_receive_message_length": -1 };
/** Not a whole number of parts. */
const size = 9 * mib + 5;

let folder: { path: string; remove: () => void };
let running: RunningObjectCache;
let client: ObjectClient;
let stranger: ObjectClient;

beforeEach(async () => {
  folder = temporaryFolder("cache");
  const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
  running = await startObjectCache({ config, logger: silentLogger, port: 0 });
  client = new ObjectClient({ endpoint: running.endpoint });
  // The cache is not its own, so what it gets comes through Arrow Flight.
  stranger = new ObjectClient({ endpoint: "grpc://127.0.0.1:1" });
});
afterEach(async () => {
  client.close();
  stranger.close();
  await running.close();
  folder.remove();
});

const value = (first: number): Buffer => {
  const bytes = Buffer.alloc(size, Buffer.from([first, 2, 3, 4, 5, 6, 7]));
  bytes.writeUInt8(first, size - 1);
  return bytes;
};
const files = (): string[] =>
  readdirSync(folder.path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).length > size - 1);
const openFiles = (): string[] =>
  readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return [readlinkSync(join("/proc/self/fd", name))];
    } catch {
      return []; // Closed since it was listed.
    }
  });

/** The bodies of the record batches of a get, and what the first one says besides. @param split what the metadata says */
function rowsOf(ref: ObjectRef, split?: string): Promise<{ bodies: Buffer[]; said: string }> {
  const calls = new Client(`127.0.0.1:${running.port}`, credentials.createInsecure(), unlimited);
  const metadata = new Metadata();
  if (split !== undefined) metadata.set("flame-split-rows", split);
  const ticket = Buffer.from(Ticket.encode({ ticket: Buffer.from(`${ref.key}:0`) }).finish());
  const { path } = flightDefinition.doGet;
  const call = calls.makeServerStreamRequest(path, raw, raw, ticket, metadata);
  const messages: FlightData[] = [];
  return new Promise<{ bodies: Buffer[]; said: string }>((resolve, reject) => {
    call.on("data", (message: Buffer) => messages.push(decodeFlightData(message)));
    call.on("end", () => {
      const [, ...batches] = messages;
      const said = batches[0]?.appMetadata.toString() ?? "";
      resolve({ bodies: batches.map(({ body }) => body), said });
    });
    call.on("error", reject);
  }).finally(() => calls.close());
}

/** A get whose client reads nothing of what comes. */
function unread(ref: ObjectRef) {
  const session = connect(`http://127.0.0.1:${running.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": flightDefinition.doGet.path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined);
  stream.pause();
  stream.end(framed(Buffer.from(Ticket.encode({ ticket: Buffer.from(`${ref.key}:0`) }).finish())));
  return { session, stream };
}

describe("an object that is read from its file as it leaves", () => {
  it("arrives as it was put, several at a time", async () => {
    const refs = await Promise.all([1, 2, 3].map((first) => client.put("app/ssn", value(first))));
    const got = await Promise.all(refs.map((ref) => stranger.get(ref)));
    for (const [at, bytes] of got.entries()) expect(bytes.equals(value(at + 1))).toBe(true);
  });

  it("is an error when its file is damaged, whole or not, and others are served", async () => {
    const [bad, good] = [
      await client.put("app/ssn", value(1)),
      await client.put("app/ssn", value(2)),
    ];
    const file = files().find((one) => readFileSync(one).includes(value(1).subarray(0, 7 * 20)));
    const content = readFileSync(file ?? "");
    content.writeUInt8(content.readUInt8(5 * mib) ^ 1, 5 * mib);
    writeFileSync(file ?? "", content);
    await expect(stranger.get(bad)).rejects.toThrow("damaged");
    writeFileSync(file ?? "", content.subarray(0, content.length - 3 * mib));
    await expect(stranger.get(bad)).rejects.toThrow("damaged");
    expect((await stranger.get(good)).equals(value(2))).toBe(true);
  });

  it("comes in rows of 8 MiB to who takes that, and in one to others", async () => {
    const ref = await client.put("app/ssn", value(1));
    const { bodies, said } = await rowsOf(ref, "true");
    expect(said).toBe(JSON.stringify({ size }));
    const data = bodies.map((body) => body.subarray(32, 32 + body.readInt32LE(28)));
    expect(data.map((part) => part.length)).toEqual([8 * mib, size - 8 * mib]);
    expect(Buffer.concat(data).equals(value(1))).toBe(true);
    for (const split of ["false", undefined]) {
      const whole = await rowsOf(ref, split);
      expect(whole.bodies.map((body) => body.readInt32LE(28))).toEqual([size]);
      expect(whole.said).toBe("");
    }
    await expect(rowsOf(ref, "yes")).rejects.toThrow('expected "true" or "false", got "yes"');
  });

  it("is an error, too, when a later row of several is damaged", async () => {
    const ref = await client.put("app/ssn", value(1));
    const [file = ""] = files();
    const content = readFileSync(file);
    content.writeUInt8(content.readUInt8(size - 1) ^ 1, size - 1);
    writeFileSync(file, content);
    await expect(rowsOf(ref, "true")).rejects.toThrow("damaged");
  });

  it("is let go when its client goes away in the middle", async () => {
    const ref = await client.put("app/ssn", value(1));
    const [file = ""] = files();
    const { session, stream } = unread(ref);
    await waitFor("the file to be read", () => openFiles().includes(file));
    stream.close();
    await waitFor("the file to be closed", () => !openFiles().includes(file));
    session.destroy();
    expect((await stranger.get(ref)).equals(value(1))).toBe(true);
  });
});
