import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { downloadFromWeb } from "../../../src/executor-manager/packages/web-download.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: { path: string; remove: () => void };
let server: Server;
let answer: RequestListener;
let requests: IncomingMessage[];

beforeEach(async () => {
  folder = temporaryFolder("download");
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  folder.remove();
});

const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/a/b.tar.gz`;
const target = (): string => join(folder.path, "file");
const download = (more: object = {}): Promise<void> =>
  downloadFromWeb(url(), target(), {
    clock: systemClock,
    signal: new AbortController().signal,
    silenceMs: 20_000,
    ...more,
  });

describe("A download", () => {
  const archive = gzipSync("an archive");
  const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

  it.each(["gzip", "x-gzip", "deflate", "br"])(
    "is kept as the server has it, also when that calls it Content-Encoding: %s",
    async (encoding) => {
      answer = (_request, response) => {
        response.writeHead(200, { "content-encoding": encoding }).end(archive);
      };
      await download();
      expect(sha256(readFileSync(target()))).toBe(sha256(archive));
    },
  );

  it("is not compressed by a server that would on the way", async () => {
    answer = (request, response) => {
      const packs = /gzip/.test(request.headers["accept-encoding"] ?? "");
      response.end(packs ? gzipSync("text") : "text");
    };
    await download();
    expect(readFileSync(target(), "utf8")).toBe("text");
    expect(requests[0]?.headers["accept-encoding"]).toBe("identity");
  });

  it("tells how far it is", async () => {
    answer = (_request, response) => {
      response.writeHead(200, { "content-length": "10" }).end("0123456789");
    };
    const told: (number | undefined)[][] = [];
    await download({ onBytes: (...facts: (number | undefined)[]) => told.push(facts) });
    expect(told.at(-1)).toEqual([10, 10]);
  });

  it("sends the name and password of the url to its server alone", async () => {
    const other = createServer((request, response) => {
      requests.push(request);
      response.end("moved");
    });
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    try {
      const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
      answer = (_request, response) => response.writeHead(307, { location }).end();
      const signed = url().replace("//", "//me:secret@");
      const { signal } = new AbortController();
      await downloadFromWeb(signed, target(), { clock: systemClock, signal, silenceMs: 20_000 });
      const basic = `Basic ${Buffer.from("me:secret").toString("base64")}`;
      expect(requests.map(({ headers }) => headers.authorization)).toEqual([basic, undefined]);
    } finally {
      await new Promise((closed) => other.close(closed));
    }
  });
});

describe("A download fails", () => {
  it.each<[string, (response: ServerResponse) => void, object]>([
    [
      "when it ends before its length",
      (response) => {
        response.writeHead(200, { "content-length": "10" }).write("01234", () => {
          response.destroy();
        });
      },
      { code: "unavailable", message: expect.stringContaining("it broke off") },
    ],
    [
      "when the connection ends without an answer",
      (response) => response.destroy(),
      { code: "unavailable" },
    ],
    [
      "when it is not there",
      (response) => response.writeHead(404).end(),
      { code: "not_found", message: "it answered 404 Not Found" },
    ],
    [
      "when it redirects in a circle",
      (response) => response.writeHead(302, { location: "/a" }).end(),
      { code: "invalid_argument", message: "it redirects more than 20 times" },
    ],
    [
      "when it redirects to a file of this node",
      (response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
      {
        code: "invalid_argument",
        message: 'it redirects to "file:///etc/passwd", expected an http or https url',
      },
    ],
    [
      "when it redirects to nothing",
      (response) => response.writeHead(302, { location: "http://" }).end(),
      { code: "invalid_argument", message: expect.stringContaining('it redirects to "http://"') },
    ],
    [
      "when it redirects without saying where",
      (response) => response.writeHead(302).end(),
      { code: "invalid_argument", message: "it answered 302 Found" },
    ],
  ])("%s", async (_name, reply, failure) => {
    answer = (_request, response) => reply(response);
    await expect(download()).rejects.toMatchObject(failure);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ["does not answer", () => undefined],
    ["answers and sends no byte", (response) => response.writeHead(200).flushHeaders()],
    [
      "stops in the middle",
      (response) => response.writeHead(200, { "content-length": "10" }).write("01234"),
    ],
  ])("when the server %s for too long", async (_name, reply) => {
    answer = (_request, response) => reply(response);
    await expect(download({ silenceMs: 200 })).rejects.toMatchObject({
      code: "deadline_exceeded",
      message: "no byte came for 0.2 s",
    });
  });

  it("when nobody wants it any more", async () => {
    const stop = new AbortController();
    answer = () => stop.abort();
    await expect(download({ signal: stop.signal })).rejects.toMatchObject({ code: "unavailable" });
  });
});
