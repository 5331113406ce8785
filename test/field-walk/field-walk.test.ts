import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parse, stringify } from "yaml";
import type { WatchNodeResponse } from "../../src/protocol/generated/flame/v1/backend.ts";
import { BackendClient } from "../../src/protocol/generated/flame/v1/backend.ts";
import { FrontendClient } from "../../src/protocol/generated/flame/v1/frontend.ts";
import type {
  Application,
  Executor,
  NodeStatus,
  Shim,
} from "../../src/protocol/generated/flame/v1/types.ts";
import { call } from "../conformance/target.ts";
import { ScriptedWorkNode } from "../integration/session-manager/scripted-work-node.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";
import { camel, defaultOf, onTheWire, samples, specKeys } from "./samples.ts";

/**
 * `walk-<key>` sets that key alone beside the command that a Host application has to have, `walk-none` no other; the one
 * of the shim Wasm has none.
 */
const appName = (key: string): string => `walk-${key.replace("_", "-")}`;
const { command } = samples;
const apps = [
  ["none", { command }],
  ...specKeys.map((key) => [
    key,
    key === "shim" ? { shim: samples[key] } : { command, [key]: samples[key] },
  ]),
] as [string, Record<string, unknown>][];

/** All that is said of these manifests. */
const wasmWithoutCommand = /^(Warning: \S+walk[\w-]*\.yaml:\d+:\d+: spec\.command: [^]*)?$/;

let cluster: TestCluster;
let frontend: FrontendClient;
let backend: BackendClient;

beforeAll(async () => {
  cluster = await startCluster({ daemons: ["flame-session-manager"] });
  const manifests = apps.map(([key, spec]) =>
    stringify({ metadata: { name: appName(key) }, spec }),
  );
  const file = join(cluster.home, "walk.yaml");
  writeFileSync(file, manifests.join("---\n"));
  const registered = await cluster.run("flmctl", "register", "-f", file);
  expect(registered).toMatchObject({ code: 0, stderr: expect.stringMatching(wasmWithoutCommand) });
  expect(registered.stderr.match(/Warning/g)).toHaveLength(1);
  // What the replies show from here on has been on disk.
  await cluster.daemon("flame-session-manager").kill();
  await cluster.daemon("flame-session-manager").start();
  const address = cluster.endpoint.replace("http://", "");
  const port = Number(address.split(":")[1]);
  frontend = new FrontendClient(address, credentials.createInsecure());
  backend = new BackendClient(`127.0.0.1:${port + 1}`, credentials.createInsecure());
});

afterAll(async () => {
  frontend.close();
  backend.close();
  await cluster.close();
});

/** What every hop that shows defaults must show for an application that sets `spec`. */
function shown(key: string, spec: Record<string, unknown>): unknown {
  return key in spec ? spec[key] : defaultOf(key);
}

function expectOnTheWire(
  application: Application | undefined,
  spec: Record<string, unknown>,
): void {
  const message = application?.spec as Record<string, unknown> | undefined;
  for (const key of specKeys) {
    const value = shown(key, spec);
    expect([key, message?.[camel(key)]]).toEqual([
      key,
      value === undefined ? undefined : onTheWire(key, value),
    ]);
  }
}

it("has a sample for every key of the schema, and none for a key that is gone", () => {
  expect(Object.keys(samples).sort()).toEqual([...specKeys].sort());
});

describe.each(apps)("a manifest that sets %s", (key, spec) => {
  it("comes out of the database through GetApplication, what is absent absent", async () => {
    expectOnTheWire(await call(frontend, "getApplication", { name: appName(key) }), spec);
  });

  it("comes out of view -o yaml, ready to be registered again", async () => {
    const { stdout } = await cluster.run("flmctl", "view", "app", appName(key), "-o", "yaml");
    const document = parse(stdout) as { metadata: { name: string }; spec: Record<string, unknown> };
    expect(document.metadata.name).toBe(appName(key));
    for (const one of specKeys) {
      const value = shown(one, spec);
      const blank = Array.isArray(value) ? value.length === 0 : JSON.stringify(value) === "{}";
      // Empty lists and maps are left out: they mean the same as absent ones.
      expect([one, document.spec[one]]).toEqual([one, blank ? undefined : value]);
    }
    const again = join(cluster.home, `${appName(key)}.yaml`);
    writeFileSync(again, stdout);
    expect(await cluster.run("flmctl", "update", "-f", again)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(key === "shim" ? wasmWithoutCommand : /^$/),
    });
    expectOnTheWire(await call(frontend, "getApplication", { name: appName(key) }), spec);
  });
});

it("comes to a node in BindExecutorResponse with every key, set and absent", async () => {
  for (const [key, spec] of apps) expectOnTheWire(await bindOnItsOwnNode(appName(key)), spec);
});

it("comes to a node in a Bind on its stream with every key, set and absent", async () => {
  for (const [key, spec] of apps)
    expectOnTheWire(await givenToItsOwnNode(appName(key), onTheWire("shim", spec["shim"])), spec);
});

/** The version of a node that is served packages: those of another make, which name none, are not (docs/protocol.md, 33.9). */
const ourMake = "0.7.0";

/** The same of a node that takes executors with their sessions, and whose first executor has registered. */
async function givenToItsOwnNode(
  application: string,
  shim: unknown,
): Promise<Application | undefined> {
  const node = new ScriptedWorkNode(cluster.endpoint, "n", undefined, {}, ourMake);
  node.binds = true;
  await node.register();
  const session = { application, minInstances: 1, batchSize: 1, priority: 0, resreq: undefined };
  const first = `first-${application}`;
  await call(frontend, "createSession", { sessionId: first, session });
  await node.bound(shim as Shim);
  const stream = node.work();
  await waitFor("the stream", () => stream.hasHeaders);
  const sessionId = `given-${application}`;
  await call(frontend, "createSession", { sessionId, session });
  const given = await waitFor(`an executor for ${application}`, () =>
    stream.messages.flatMap(({ binds }) => binds).at(0),
  );
  expect(given.session?.metadata?.id).toBe(sessionId);
  for (const id of [first, sessionId]) await call(frontend, "closeSession", { sessionId: id });
  await node.release();
  node.close();
  return given.application;
}

/** Opens a session of the application while only a new node is there, and answers what that node is told to run. */
async function bindOnItsOwnNode(application: string): Promise<Application | undefined> {
  const resreq = { cpu: 1n, memory: 1n, gpu: 0 };
  const status: NodeStatus = {
    state: 1,
    capacity: resreq,
    allocatable: resreq,
    info: { arch: "x", os: "y" },
    addresses: [],
    lastHeartbeatTime: 0n,
  };
  const node = { metadata: { id: "n", name: "n" }, spec: { hostname: "n" }, status };
  const ours = new Metadata();
  ours.set("flame-version", ourMake);
  await call(backend, "registerNode", { node, executors: [] }, ours);
  const stream = backend.watchNode();
  const made: Executor[] = [];
  stream.on("data", ({ response }: WatchNodeResponse) => {
    if (response?.$case === "executor") made.push(response.value);
  });
  stream.on("error", () => undefined);
  stream.write({ heartbeat: { nodeName: "n", status } });
  const sessionId = `session-${application}`;
  const session = { application, minInstances: 1, batchSize: 1, priority: 0, resreq };
  await call(frontend, "createSession", { sessionId, session });
  const executor = await waitFor(`an executor for ${application}`, () => made[0]);
  const executorId = executor.metadata?.id ?? "";
  await call(backend, "registerExecutor", { executorId, executorSpec: executor.spec });
  const bound = await call(backend, "bindExecutor", { executorId });
  expect(bound.session?.metadata?.id).toBe(sessionId);
  await call(frontend, "closeSession", { sessionId });
  await call(backend, "releaseNode", { nodeName: "n" });
  stream.cancel();
  return bound.application;
}
