import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import { ObjectClient } from "../../../src/client/objects.ts";
import { parseEndpoint } from "../../../src/config/endpoint.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { BackendClient } from "../../../src/executor-manager/backend-client.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { startObjectCache } from "../../../src/object-cache/compose.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { ScriptedBackend } from "../executor-manager/scripted-backend.ts";
import { ScriptedFrontend } from "./frontend.ts";

const VARIABLES = ["http_proxy", "https_proxy", "grpc_proxy", "no_proxy", "no_grpc_proxy"];
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
const closers: (() => unknown)[] = [];
/** What it was asked to connect to. */
let asked: string[];
let proxy: Server;
let proxyUrl: string;

beforeEach(async () => {
  // The library prints what a proxy answers.
  setLogVerbosity(logVerbosity.NONE);
  for (const name of VARIABLES) process.env[name] = "";
  asked = [];
  proxy = createServer();
  proxy.on("connect", ({ url }, socket) => {
    asked.push(url ?? "");
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, "127.0.0.1", resolve);
  });
  proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  proxy.close();
  for (const [name, value] of Object.entries(before)) process.env[name] = value ?? "";
  setLogVerbosity(logVerbosity.ERROR);
});

function client(endpoint: string): FlameClient {
  const made = new FlameClient({ endpoint });
  closers.push(() => made.close());
  return made;
}

function backendClient(endpoint: string): BackendClient {
  const made = new BackendClient(
    { clock: systemClock, logger: silentLogger },
    { clusterEndpoint: parseEndpoint(endpoint, ["http"], 8080) },
  );
  closers.push(() => made.close());
  return made;
}

const register = (backend: BackendClient): Promise<void> =>
  backend.registerNode({ node: undefined, executors: [] }, new AbortController().signal);

describe.each(["http_proxy", "https_proxy", "grpc_proxy"])("With %s in the environment", (name) => {
  beforeEach(() => {
    process.env[name] = proxyUrl;
  });

  it("a client dials a loopback Frontend directly", async () => {
    const frontend = await new ScriptedFrontend({
      unary: { listNodes: () => ({ nodes: [] }) },
    }).start();
    closers.push(() => frontend.stop());
    await expect(client(frontend.endpoint).listNodes()).resolves.toEqual([]);
    expect(asked).toEqual([]);
  });

  it("a node dials a loopback Backend directly", async () => {
    const backend = new ScriptedBackend();
    await backend.start();
    closers.push(() => backend.stop());
    await register(backendClient(`http://127.0.0.1:${backend.port}`));
    expect(backend.requests("registerNode")).toHaveLength(1);
    expect(asked).toEqual([]);
  });

  it("a loopback object cache is dialled directly", async () => {
    const folder = temporaryFolder("proxy");
    closers.push(() => folder.remove());
    const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
    const cache = await startObjectCache({ config, logger: silentLogger, port: 0 });
    closers.push(() => cache.close());
    const objects = new ObjectClient({ endpoint: cache.endpoint });
    closers.push(() => objects.close());
    const ref = await objects.put("app/session", Buffer.from("direct"));
    expect((await objects.get(ref)).toString()).toBe("direct");
    expect(asked).toEqual([]);
  });

  it("a client of another machine's Frontend names the proxy that refuses", async () => {
    await expect(client("http://flame.invalid:8080").listNodes()).rejects.toMatchObject({
      code: "invalid_config",
      message: `failed to connect to http://flame.invalid:8080: no connection through the proxy "${proxyUrl}" of ${name}`,
    });
    expect(asked).toContain("flame.invalid:8080");
  });

  it("a node names the proxy that refuses", async () => {
    await expect(register(backendClient("http://flame.invalid:8080"))).rejects.toMatchObject({
      message: `no connection through the proxy "${proxyUrl}" of ${name}`,
    });
  });

  it("a client of another machine's object cache names a proxy that is away", async () => {
    proxy.close();
    const objects = new ObjectClient({ endpoint: "grpc://flame.invalid:9090" });
    closers.push(() => objects.close());
    await expect(objects.put("app/session", Buffer.from("x"))).rejects.toMatchObject({
      code: "unavailable",
      message: `no connection through the proxy "${proxyUrl}" of ${name}`,
    });
  });
});
