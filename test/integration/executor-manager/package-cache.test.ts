import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { ObjectClient } from "../../../src/client/objects.ts";
import { type FlameHome, flameHomeAt } from "../../../src/config/flame-home.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import {
  openPackageStore,
  type PackageStore,
  type PackageStoreOptions,
} from "../../../src/executor-manager/packages/package-store.ts";
import { storedZip } from "../../../src/executor-manager/packages/stored-zip.ts";
import type { PreparedPackage } from "../../../src/executor-manager/service-host.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { freePorts } from "../../support/ports.ts";
import { runToEnd } from "../../support/python.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

jest.setTimeout(30_000);

let folder: { path: string; remove: () => void };
let home: FlameHome;
let store: PackageStore;
let installations: number;

const logger: Logger = {
  ...silentLogger,
  info: (_fields, text) => {
    if (text === "installing a package") installations += 1;
  },
};

async function open(options: Partial<PackageStoreOptions> = {}): Promise<void> {
  store = await openPackageStore(
    { home, env: { PATH: process.env["PATH"] }, clock: systemClock, logger },
    { maxDiskBytes: 2 ** 40, ...options },
  );
}

beforeEach(async () => {
  folder = temporaryFolder("package-cache");
  home = flameHomeAt(join(folder.path, "home"));
  mkdirSync(home.root);
  installations = 0;
  await open();
});

afterEach(async () => {
  await store.close();
  folder.remove();
});

function prepare(url: string, signal = new AbortController().signal): Promise<PreparedPackage> {
  const none = { environments: {}, packages: [], since: undefined };
  const source = { application: "my-app", url, ...none, commandLine: ["./x"] };
  return store.prepare({ ...source, installer: "binary" }, signal);
}

function put(name: string, files: Record<string, string>): string {
  const path = join(folder.path, name);
  writeFileSync(path, storedZip(files));
  return pathToFileURL(path).href;
}

const appFolder = ({ variables }: PreparedPackage): string =>
  variables.values["FLAME_APP_DIR"] ?? "";
const content = (prepared: PreparedPackage): string =>
  readFileSync(join(appFolder(prepared), "word"), "utf8");
const installed = (): string[] => readdirSync(home.packages);

describe("a package in the object cache", () => {
  let cache: RunningObjectCache;
  let client: ObjectClient;

  async function startCache(port: number): Promise<void> {
    const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
    cache = await startObjectCache({ config, logger: silentLogger, port });
    client = new ObjectClient({ endpoint: cache.endpoint });
  }

  beforeEach(() => startCache(0));

  afterEach(async () => {
    client.close();
    await cache.close();
  });

  test("is fetched and built once however many binds want it at once, and nothing else stays", async () => {
    await client.put("my-app/pkg/my-app.zip", storedZip({ word: "cached" }));
    const url = `${cache.endpoint}/my-app/pkg/my-app.zip`;
    const all = await Promise.all(Array.from({ length: 20 }, () => prepare(url)));
    expect(all.map(content)).toEqual(Array.from({ length: 20 }, () => "cached"));
    expect({ installations, folders: installed().length }).toEqual({
      installations: 1,
      folders: 1,
    });
  });

  test("that is uploaded anew is used by the next bind, and pinned by its hash", async () => {
    const url = `${cache.endpoint}/my-app/pkg/my-app.zip`;
    await client.put("my-app/pkg/my-app.zip", storedZip({ word: "first" }));
    const old = await prepare(url);
    await client.put("my-app/pkg/my-app.zip", storedZip({ word: "second" }));
    expect([content(old), content(await prepare(url))]).toEqual(["first", "second"]);
    const other = "0".repeat(64);
    await expect(prepare(`${url}#sha256=${other}`)).rejects.toThrow(
      new RegExp(`its content has sha256 [0-9a-f]{64}, expected ${other}`),
    );
  });

  test("that is not there is named with its cache", async () => {
    const url = `${cache.endpoint}/my-app/pkg/my-app.zip`;
    await expect(prepare(url)).rejects.toThrow(
      `package url "${url}": cannot fetch "my-app/pkg/my-app.zip" from the object cache at ${cache.endpoint}: `,
    );
    expect(installed()).toEqual([]);
  });

  test("that somebody patched is refused: its patches are no part of an archive", async () => {
    const url = `${cache.endpoint}/my-app/pkg/my-app.zip`;
    const ref = await client.put("my-app/pkg/my-app.zip", storedZip({ word: "base" }));
    await client.patch(ref, storedZip({ word: "patch" }));
    await expect(prepare(url)).rejects.toThrow("has 1 patches, expected none");
    await client.put(ref.key, storedZip({ word: "anew" }));
    expect(content(await prepare(url))).toBe("anew");
  });

  test("is fetched from a cache that comes back within a second, and refused with the attempts from one that does not", async () => {
    await client.put("my-app/pkg/my-app.zip", storedZip({ word: "back" }));
    const { endpoint } = cache;
    const url = `${endpoint}/my-app/pkg/my-app.zip`;
    client.close();
    await cache.close();
    await expect(prepare(url)).rejects.toThrow(
      new RegExp(`from the object cache at ${endpoint} in 4 attempts: `),
    );
    const waiting = prepare(url);
    await startCache(Number(new URL(endpoint).port));
    expect(content(await waiting)).toBe("back");
  });

  test("that is pinned and installed is used while its cache is away", async () => {
    const bytes = storedZip({ word: "pinned" });
    await client.put("my-app/pkg/my-app.zip", bytes);
    const hash = createHash("sha256").update(bytes).digest("hex");
    const url = `${cache.endpoint}/my-app/pkg/my-app.zip#sha256=${hash}`;
    (await prepare(url)).release();
    client.close();
    await cache.close();
    expect(content(await prepare(url))).toBe("pinned");
    expect(installations).toBe(1);
    await expect(prepare(url.replace(hash, "0".repeat(64)))).rejects.toThrow("in 4 attempts");
  });

  test("is not waited for by an executor that was stopped", async () => {
    const silent = await silentServer();
    try {
      const stop = new AbortController();
      const waiting = prepare(`grpc://127.0.0.1:${silent.port}/my-app/pkg/my-app.zip`, stop.signal);
      stop.abort();
      await expect(waiting).rejects.toThrow("the executor was stopped");
    } finally {
      await silent.close();
    }
  });
});

/** Accepts connections, says nothing, and ends with them. */
async function silentServer(): Promise<{ port: number; close: () => Promise<void> }> {
  const port = await freePorts(1);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on("error", () => undefined)));
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, close };
}

describe("a package in an object cache with TLS and tokens", () => {
  const file = (name: string): string => join(folder.path, "certificates", name);
  let cache: RunningObjectCache;
  let url: string;

  beforeEach(async () => {
    const script = join(import.meta.dirname, "../../../scripts/dev-certs.sh");
    for (const place of [file("."), file("strangers")]) {
      const { code, stderr } = await runToEnd(script, [place]);
      if (code !== 0) throw new Error(stderr);
    }
    writeFileSync(file("token"), "client-token-0123456789\n");
    writeFileSync(file("wrong"), "wrong-token-0123456789\n");
    const port = await freePorts(1);
    const yaml = join(folder.path, "secured.yaml");
    const tls = { cert_file: file("server.crt"), key_file: file("server.key") };
    const security = { clients: "token", token_file: file("token"), nodes: "open" };
    const endpoint = `grpcs://127.0.0.1:${port}`;
    writeFileSync(yaml, JSON.stringify({ cluster: { security }, cache: { endpoint, tls } }));
    const env = { FLAME_HOME: folder.path, HOME: folder.path };
    const config = loadClusterConfig({ path: yaml, env });
    cache = await startObjectCache({ config, logger: silentLogger });
    const client = new ObjectClient({ endpoint, caFile: file("ca.crt"), tokenFile: file("token") });
    await client.put("my-app/pkg/my-app.zip", storedZip({ word: "secured" }));
    client.close();
    url = `${endpoint}/my-app/pkg/my-app.zip`;
    await store.close();
  });

  afterEach(() => cache.close());

  /** Opens the store as a node does whose configured cache is the one of the url. */
  const openWith = (caFile: string, tokenFile: string) =>
    open({
      cache: {
        endpoint: url.replace(/\/my-app.*/, ""),
        caFile: file(caFile),
        tokenFile: file(tokenFile),
      },
    });

  test("is fetched with the node's authority and token", async () => {
    await openWith("ca.crt", "token");
    expect(content(await prepare(url))).toBe("secured");
  });

  test("is refused with a token that the cache does not know", async () => {
    await openWith("ca.crt", "wrong");
    await expect(prepare(url)).rejects.toMatchObject({
      code: "unauthenticated",
      message: expect.stringContaining(`package url "${url}"`),
    });
    expect(installed()).toEqual([]);
  });

  test("is not fetched from a server that the node's authority does not vouch for", async () => {
    await openWith("strangers/ca.crt", "token");
    await expect(prepare(url)).rejects.toThrow(/package url ".*certificate/);
    expect(installed()).toEqual([]);
  });
});

describe("a directory", () => {
  const directory = (): string => join(folder.path, "project");
  beforeEach(() => {
    mkdirSync(join(directory(), "bin"), { recursive: true });
    writeFileSync(join(directory(), "word"), "linked");
  });

  test("keeps links to what is in it", async () => {
    symlinkSync("../word", join(directory(), "bin/word"));
    const prepared = await prepare(pathToFileURL(directory()).href);
    expect(readFileSync(join(appFolder(prepared), "bin/word"), "utf8")).toBe("linked");
  });

  test.each([
    ["upwards", "../../outside"],
    ["absolute, even to what is in it", "/etc/hostname"],
    ["over another link", "up/../outside"],
    ["over another link, to nothing", "up/../../nothing"],
  ])(
    "with a link that leads out of it (%s) is refused by name, and nothing is built",
    async (_how, target) => {
      writeFileSync(join(folder.path, "outside"), "secret");
      symlinkSync("..", join(directory(), "bin/up"));
      symlinkSync(target, join(directory(), "bin/out"));
      const url = pathToFileURL(directory()).href;
      await expect(prepare(url)).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining(`its entry "bin/out" is a link to "${target}"`),
      });
      expect(installed()).toEqual([]);
    },
  );
});

describe("a package on a web server", () => {
  let answers: number[];
  let server: HttpServer;
  let url: string;

  beforeEach(async () => {
    server = createHttpServer((_request, response) => {
      const status = answers.shift() ?? 200;
      if (status === 302) response.writeHead(302, { location: "/moved/my-app.zip" }).end();
      else response.writeHead(status).end(storedZip({ word: "from the web" }));
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dir/my-app.zip?v=1`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });

  test("is fetched, through redirects and failures of a moment", async () => {
    answers = [503, 302];
    expect(content(await prepare(url))).toBe("from the web");
  });

  test("that is not there, or not for us, is refused with the answer", async () => {
    answers = [404, 403];
    await expect(prepare(url)).rejects.toThrow(`cannot fetch "${url}": it answered 404 Not Found`);
    await expect(prepare(url)).rejects.toThrow("it answered 403 Forbidden");
    expect(installed()).toEqual([]);
  });
});

describe("installed packages beyond the limits", () => {
  const large = "x".repeat(200_000);

  test.each([
    ["by number", { maxPackages: 2 }],
    ["by bytes on disk", { maxDiskBytes: 600_000 }],
  ])("%s go, the longest unused first, and never one that is in use", async (_name, limits) => {
    await store.close();
    await open(limits);
    const [a, b, c] = ["a", "b", "c"].map((name) => put(`${name}.zip`, { word: name, large }));
    const used = await prepare(a ?? "");
    (await prepare(b ?? "")).release();
    const last = await prepare(c ?? "");
    await waitFor("the removal of b", () => installed().length === 2);
    expect([content(used), content(last)]).toEqual(["a", "c"]);
    const again = await prepare(b ?? "");
    // Three in use: none of them goes, whatever the limit says.
    expect([used, last, again].map(content)).toEqual(["a", "c", "b"]);
    used.release();
    used.release();
    await waitFor("the removal of a", () => installed().length === 2);
    expect([last, again].map(content)).toEqual(["c", "b"]);
    expect(existsSync(appFolder(used))).toBe(false);
  });

  test("go when the store is opened", async () => {
    for (const name of ["a", "b", "c"])
      (await prepare(put(`${name}.zip`, { word: name }))).release();
    await store.close();
    await open({ maxPackages: 1 });
    expect(installed()).toHaveLength(1);
    expect(installations).toBe(3);
    await prepare(put("c.zip", { word: "c" }));
    expect(installations).toBe(3);
  });

  test("that somebody removed by hand are built again", async () => {
    const url = put("a.zip", { word: "a" });
    const first = await prepare(url);
    rmSync(home.packages, { recursive: true });
    mkdirSync(home.packages);
    expect(appFolder(await prepare(url))).toBe(appFolder(first));
    expect(installations).toBe(2);
  });
});

describe("the log of an installation", () => {
  test("is named in the error and says what was installed and why it failed", async () => {
    const path = join(folder.path, "broken.zip");
    writeFileSync(path, "no zip");
    const log = join(home.logs, "install/my-app.log");
    await expect(prepare(pathToFileURL(path).href)).rejects.toThrow(`; log: ${log}`);
    expect(readFileSync(log, "utf8")).toMatch(
      /^# application: my-app\n# url: file:.*broken\.zip\n# sha256: [0-9a-f]{64}\n# installer: binary\n# failed: cannot unpack/,
    );
  });

  test("is one of its own for each of two installations of one application at once", async () => {
    const urls = ["a", "b"].map((name) => put(`${name}.zip`, { word: name }));
    await Promise.all(urls.map((url) => prepare(url)));
    expect(readdirSync(join(home.logs, "install")).sort()).toEqual(["my-app.2.log", "my-app.log"]);
  });
});

test("a package that a power cut emptied under an earlier version is removed, and built again", async () => {
  const url = put("my-app.zip", { word: "whole" });
  const emptied = appFolder(await prepare(url));
  const [name = ""] = installed();
  writeFileSync(join(emptied, "word"), "");
  writeFileSync(join(home.packages, name, ".bytes"), "");
  await open();
  expect(installed()).toEqual([]);
  expect(content(await prepare(url))).toBe("whole");
});
