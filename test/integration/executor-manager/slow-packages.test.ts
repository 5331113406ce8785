import { getEventListeners } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { storedZip } from "../../../src/executor-manager/packages/stored-zip.ts";
import type { PreparedPackage } from "../../../src/executor-manager/service-host.ts";
import { waitFor } from "../../support/wait-for.ts";
import { StoreUnderTest } from "./store-under-test.ts";

jest.setTimeout(60_000);

const binary = { installer: "binary" };
const zip = storedZip({ word: "arrived" });
const GOES_ON = "; that goes on, the next bind looks again";
/** What is told of a package, whatever the seconds: a busy machine has longer ones. */
const told = (url: string, what: string): RegExp =>
  new RegExp(
    `package url "${url}": ${what}${GOES_ON}`
      .replace(/[.()?]/g, "\\$&")
      .replaceAll("SECONDS", "\\d+(\\.\\d)? s"),
  );
let store: StoreUnderTest;
let server: Server;
/** Answers that nobody has given yet, by path. */
let open: Map<string, ServerResponse[]>;

beforeEach(async () => {
  store = new StoreUnderTest();
  open = new Map();
  server = createServer((request, response) => {
    const path = request.url ?? "";
    if (path.startsWith("/quick")) response.end(zip);
    else open.set(path, [...(open.get(path) ?? []), response]);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
});

afterEach(async () => {
  await store.close();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

const url = (name: string): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}.zip`;
const requests = (name: string): ServerResponse[] => open.get(`/${name}.zip`) ?? [];
const asked = (name: string): Promise<ServerResponse> =>
  waitFor("the request", () => requests(name)[0]);
const isThere = ({ variables }: PreparedPackage): boolean =>
  existsSync(join(variables.values["FLAME_APP_DIR"] ?? "", "word"));

describe("a download of which no byte comes", () => {
  test("is told with its url and for how long, and goes on: the next bind finds it", async () => {
    await store.open({ waits: { quietMs: 200 } });
    await expect(store.prepare(url("hung"), binary)).rejects.toThrow(
      told(url("hung"), "nothing came for SECONDS while it was being downloaded"),
    );
    await expect(store.prepare(url("hung"), binary)).rejects.toThrow("nothing came for");
    (await asked("hung")).end(zip);
    const prepared = await waitFor("the package", () =>
      store.prepare(url("hung"), binary).catch(() => undefined),
    );
    expect(isThere(prepared)).toBe(true);
    expect(requests("hung")).toHaveLength(1);
  });

  test("in the middle is told with what has come", async () => {
    await store.open({ waits: { quietMs: 200 } });
    const waiting = store.prepare(url("half"), binary);
    const response = await asked("half");
    response.writeHead(200, { "content-length": zip.length }).write(zip.subarray(0, 10));
    const bytes = `(10 of ${zip.length} bytes so far)`;
    await expect(waiting).rejects.toThrow(
      told(url("half"), `nothing came for SECONDS while it was being downloaded ${bytes}`),
    );
  });

  test("is given up after a while; the next bind is told, the one after it asks again", async () => {
    await store.open({ waits: { quietMs: 100, silenceMs: 400 } });
    const why = `cannot fetch "${url("hung")}": no byte came for 0.4 s`;
    await expect(store.prepare(url("hung"), binary)).rejects.toThrow("nothing came for");
    await waitFor("the end of it", () =>
      store.prepare(url("hung"), binary).catch((thrown: unknown) => String(thrown).includes(why)),
    );
    expect(requests("hung")).toHaveLength(1);
    await expect(store.prepare(url("hung"), binary)).rejects.toThrow("nothing came for");
    expect(requests("hung")).toHaveLength(2);
  });

  test("holds up no other package, however many of them there are", async () => {
    await store.open({ waits: { quietMs: 100 } });
    const hung = Array.from({ length: 8 }, (_, n) => store.prepare(url(`hung-${n}`), binary));
    await Promise.all(hung.map((each) => expect(each).rejects.toThrow("nothing came for")));
    expect(isThere(await store.prepare(url("quick"), binary))).toBe(true);
  });
});

describe("a package that takes longer than a bind may hold its executor", () => {
  test("is told with how far it is while it is downloaded", async () => {
    await store.open({ waits: { bindMs: 300 } });
    const waiting = store.prepare(url("slow"), binary);
    const response = await asked("slow");
    response.writeHead(200, { "content-length": zip.length }).write(zip.subarray(0, 10));
    const bytes = `(10 of ${zip.length} bytes so far)`;
    await expect(waiting).rejects.toThrow(
      told(url("slow"), `it is still being downloaded after SECONDS ${bytes}`),
    );
    response.end(zip.subarray(10));
    const prepared = await waitFor("the package", () =>
      store.prepare(url("slow"), binary).catch(() => undefined),
    );
    expect(isThere(prepared)).toBe(true);
    expect(requests("slow")).toHaveLength(1);
  });

  test("is told while it is installed, and installed once", async () => {
    await store.open({ waits: { bindMs: 500 } });
    const may = join(store.path, "may-end");
    const began = join(store.path, "began");
    store.put(
      "project/pyproject.toml",
      '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    );
    store.put(
      "project/backend.py",
      `import os, time\nopen(${JSON.stringify(began)}, "a").write("x")\n` +
        `while not os.path.exists(${JSON.stringify(may)}): time.sleep(0.02)\nraise SystemExit("built enough")\n`,
    );
    const path = join(store.path, "project");
    await expect(store.prepare(path)).rejects.toThrow(
      told(pathToFileURL(path).href, "it is still being installed after SECONDS"),
    );
    await waitFor("the build", () => existsSync(began));
    writeFileSync(may, "");
    // Its end is told to the next bind, although that comes later.
    await waitFor("the end of it", () =>
      store.prepare(path).catch((thrown: unknown) => String(thrown).includes("built enough")),
    );
  });
});

test("an executor that binds again and again leaves nothing at the signal that stops it", async () => {
  await store.open({ waits: { quietMs: 100 } });
  const stop = new AbortController();
  for (let n = 0; n < 12; n++) {
    const { release } = await store.prepare(url("quick"), binary, stop.signal);
    release();
    await expect(store.prepare(url(`hung-${n}`), binary, stop.signal)).rejects.toThrow(
      "nothing came for",
    );
  }
  expect(getEventListeners(stop.signal, "abort")).toEqual([]);
});

describe("an object cache that does not answer", () => {
  const sockets = new Set<Socket>();
  let silent: ReturnType<typeof createTcpServer>;

  beforeEach(async () => {
    silent = createTcpServer((socket) => sockets.add(socket.on("error", () => undefined)));
    await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
  });

  afterEach(async () => {
    const closed = new Promise((resolve) => silent.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });

  test("is told with the url, and holds up nobody who asks another server", async () => {
    await store.open({ waits: { objectQuietMs: 200, bindMs: 400 } });
    const { port } = silent.address() as AddressInfo;
    const from = (n: number): string => `grpc://127.0.0.1:${port}/app/ssn/x-${n}.zip`;
    const hung = Array.from({ length: 3 }, (_, n) => store.prepare(from(n), binary));
    const quiet = "nothing came for SECONDS while it was being fetched";
    const queued = "it is still waiting for 2 others from the same object cache after SECONDS";
    await Promise.all(
      [quiet, quiet, queued].map((what, n) => expect(hung[n]).rejects.toThrow(told(from(n), what))),
    );
    expect(isThere(await store.prepare(url("quick"), binary))).toBe(true);
  });
});
