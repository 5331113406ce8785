import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ObjectClient } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { decodeObjectRef } from "../../../src/protocol/flight/object-ref.ts";
import { FrameReader } from "../../../src/protocol/frames.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

const [put, get, putUnsynced] = [1, 2, 3];
const [byCall, stored, unchanged, full] = [0, 1, 2, 3];

let folder: { path: string; remove: () => void };
let running: RunningObjectCache;
let client: ObjectClient;
let socket: Socket;
let answers: Map<number, { status: number; rest: Buffer }>;

async function start(home = folder.path): Promise<void> {
  const config = loadClusterConfig({ env: { FLAME_HOME: home, HOME: home } });
  running = await startObjectCache({ config, logger: silentLogger, port: 0 });
  client = new ObjectClient({ endpoint: running.endpoint });
}

const door = (): string => join(folder.path, "data/objects/small.sock");

function dial(): Socket {
  const frames = new FrameReader();
  answers = new Map();
  return connect(door())
    .on("error", () => undefined)
    .on("data", (chunk: Buffer) =>
      frames.read(chunk, (message) => {
        const rest = Buffer.from(message.subarray(5));
        answers.set(message.readUInt32BE(0), { status: message.readUInt8(4), rest });
      }),
    );
}

beforeEach(async () => {
  folder = temporaryFolder("d");
  await start();
  socket = dial();
});

afterEach(async () => {
  socket.destroy();
  client.close();
  await running.close();
  folder.remove();
});

function frame(number: number, kind: number, path: string, data: Buffer | string = ""): Buffer {
  const name = Buffer.from(path);
  const head = Buffer.alloc(11);
  const rest = Buffer.from(data);
  head.writeUInt32BE(7 + name.length + rest.length, 0);
  head.writeUInt32BE(number, 4);
  head.writeUInt8(kind, 8);
  head.writeUInt16BE(name.length, 9);
  return Buffer.concat([head, name, rest]);
}

const version = (number: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes;
};

async function answerTo(number: number): Promise<{ status: number; rest: Buffer }> {
  await waitFor(`the answer to ${number}`, () => answers.has(number), { deadlineMs: 60_000 });
  return answers.get(number) ?? { status: -1, rest: Buffer.alloc(0) };
}

describe("the socket of small objects", () => {
  it("puts and gets, as calls do", async () => {
    socket.write(frame(1, put, "app/ssn", "bytes"));
    const { status, rest } = await answerTo(1);
    const ref = decodeObjectRef(rest);
    expect({ status, ref }).toEqual({
      status: stored,
      ref: { endpoint: running.endpoint, key: expect.stringMatching(/^app\/ssn\//), version: 1 },
    });
    expect((await client.get(ref)).toString()).toBe("bytes");

    socket.write(frame(2, get, ref.key, version(0)));
    socket.write(frame(3, get, ref.key, version(1)));
    expect(await answerTo(2)).toEqual({
      status: full,
      rest: Buffer.concat([version(1), Buffer.from("bytes")]),
    });
    expect(await answerTo(3)).toEqual({ status: unchanged, rest: Buffer.alloc(0) });
  });

  it("puts without a sync at a prefix, and leaves a named key to a call that refuses it", async () => {
    socket.write(frame(1, putUnsynced, "app/ssn", "bytes"));
    socket.write(frame(2, putUnsynced, "app/ssn/named", "bytes"));
    const { status, rest } = await answerTo(1);
    const ref = decodeObjectRef(rest);
    expect({ status, key: ref.key }).toEqual({
      status: stored,
      key: expect.stringMatching(/^app\/ssn\/unsynced-/),
    });
    expect((await client.get(ref)).toString()).toBe("bytes");
    expect(await answerTo(2)).toEqual({ status: byCall, rest: Buffer.alloc(0) });
    expect((await client.list()).map(({ key }) => key)).toEqual([ref.key]);
  });

  it("leaves to calls what is large, has patches, is not there or is wrong", async () => {
    const large = await client.put("app/ssn/large", Buffer.alloc(16 * 1024 + 1));
    const patched = await client.put("app/ssn/patched", Buffer.from("base"));
    await client.patch(patched, Buffer.from("patch"));
    socket.write(frame(1, get, large.key, version(0)));
    socket.write(frame(2, get, patched.key, version(0)));
    socket.write(frame(3, get, "app/ssn/nothing", version(0)));
    socket.write(frame(4, get, "../x", version(0)));
    socket.write(frame(5, put, "app/../x", "bytes"));
    for (const number of [1, 2, 3, 4, 5]) {
      expect(await answerTo(number)).toEqual({ status: byCall, rest: Buffer.alloc(0) });
    }
  });

  it("answers ten thousand requests that come at once, also to who reads late", async () => {
    const content = Buffer.alloc(1_000, "x");
    const ref = await client.put("app/ssn/x", content);
    socket.pause();
    const gets = Array.from({ length: 10_000 }, (_, number) =>
      frame(number, get, ref.key, version(0)),
    );
    socket.write(Buffer.concat(gets));
    // Meanwhile others are served.
    const other = dial();
    const theirs = answers;
    other.write(frame(1, put, "app/ssn", "other"));
    await waitFor("the other client's answer", () => theirs.has(1), { deadlineMs: 60_000 });
    other.destroy();
    answers = new Map();
    socket.destroy();
    socket = dial();
    for (let at = 0; at < gets.length; at += 500)
      socket.write(Buffer.concat(gets.slice(at, at + 500)));
    await waitFor("all answers", () => answers.size === gets.length, { deadlineMs: 60_000 });
    const expected = Buffer.concat([version(1), content]);
    expect([...answers.values()].every(({ rest }) => rest.equals(expected))).toBe(true);
  });

  it.each<[string, Buffer]>([
    ["a request of no kind", frame(1, 9, "app/ssn", "bytes")],
    ["a path that is longer than the message", Buffer.from([0, 0, 0, 7, 0, 0, 0, 1, 1, 255, 255])],
    ["a message that is too short", Buffer.from([0, 0, 0, 1, 0])],
    ["a message that is too long", Buffer.from([255, 255, 255, 255, 0])],
    ["more bytes than are small", frame(1, put, "app/ssn", Buffer.alloc(16 * 1024 + 1))],
    ["the same without a sync", frame(1, putUnsynced, "app/ssn", Buffer.alloc(16 * 1024 + 1))],
    ["a version that is none", frame(1, get, "app/ssn/x", Buffer.alloc(8, 255))],
    ["the words of HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ])("ends the connection of who sends %s, and serves others", async (_, bytes) => {
    socket.write(bytes);
    await waitFor("the end of the connection", () => socket.closed, { deadlineMs: 60_000 });
    socket = dial();
    socket.write(frame(1, put, "app/ssn", "bytes"));
    expect((await answerTo(1)).status).toBe(stored);
  });

  it("is for its own user alone, and takes the place of one that a killed cache left", async () => {
    expect(statSync(door()).mode & 0o777).toBe(0o600);
    await running.close();
    expect(existsSync(door())).toBe(false);
    writeFileSync(door(), "left");
    client.close();
    await start();
    socket = dial();
    socket.write(frame(1, put, "app/ssn", "bytes"));
    expect((await answerTo(1)).status).toBe(stored);
  });

  it("is left out where its path is too long", async () => {
    await running.close();
    client.close();
    await start(join(folder.path, "x".repeat(100)));
    const ref = await client.put("app/ssn", Buffer.from("bytes"));
    expect((await client.get(ref)).toString()).toBe("bytes");
  });
});
