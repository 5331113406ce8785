import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentials, Metadata, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient, type Session } from "../../../src/client/index.ts";
import { NodeLogsService } from "../../../src/protocol/generated/flame/logs/v1/node_logs.ts";
import { NodesService } from "../../../src/protocol/generated/flame/stream/v1/nodes.ts";
import { BackendClient, BackendService } from "../../../src/protocol/generated/flame/v1/backend.ts";
import { call } from "../../conformance/target.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";
import { withToken } from "../../support/with-token.ts";
import { ScriptedLogs } from "./scripted-logs.ts";
import { ScriptedWorkNode } from "./scripted-work-node.ts";

const own = "the-token-of-node-n1";
const others = "the-token-of-node-n2";
const idOf = (token: string): string =>
  `token ${createHash("sha256").update(token).digest("hex").slice(0, 32)}`;

let manager: ManagerUnderTest;
let home: string;
const closing: { close(): void }[] = [];

const writeTokens = (...tokens: string[]): void =>
  writeFileSync(join(home, "nodes.token"), `${tokens.join("\n")}\n`, { mode: 0o600 });

beforeEach(async () => {
  manager = await startManager({
    prepare: (folder) => {
      home = folder;
      writeTokens(own, others);
    },
    cluster: { security: { nodes: "token", node_token_file: "nodes.token" } },
  });
});
afterEach(async () => {
  for (const one of closing.splice(0)) one.close();
  await manager.close();
});

function nodeWith(token: string, name = "n1", instance?: string): ScriptedWorkNode {
  const node = new ScriptedWorkNode(manager.endpoint, name, instance, withToken(token));
  closing.push(node);
  return node;
}

function backendWith(token: string): BackendClient {
  const { hostname, port } = new URL(manager.endpoint);
  const options = { "grpc.use_local_subchannel_pool": 1, ...withToken(token) };
  const address = `${hostname}:${Number(port) + 1}`;
  const client = new BackendClient(address, credentials.createInsecure(), options);
  closing.push(client);
  return client;
}

async function sessionOf(client: FlameClient): Promise<Session> {
  const session = await client.createSession({ application: "flmping", minInstances: 1 });
  await client.createTask(session.id, Buffer.from("in"));
  return session;
}

function frontend(): FlameClient {
  const client = new FlameClient({ endpoint: manager.endpoint });
  closing.push(client);
  return client;
}

/** A node of n1's token whose executor runs the first task of a session. */
async function running() {
  const client = frontend();
  const node = nodeWith(own);
  await node.register();
  const session = await sessionOf(client);
  const executorId = await node.bound();
  const backend = backendWith(own);
  const lease = await launched(backend, executorId);
  return { client, node, session, executorId, backend, lease };
}

/** Has the executor's task handed out, and tells the lease that came with it. */
function launched(backend: BackendClient, executorId: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let lease = "";
    const stream = backend.launchTask({ executorId }, (error) =>
      error === null ? resolve(lease) : reject(error),
    );
    stream.on("metadata", (metadata) => (lease = String(metadata.get("flame-lease")[0] ?? "")));
  });
}

const refusalOf = (ended: { readonly code: number; readonly details: string }): Error =>
  Object.assign(new Error(ended.details), ended);

const resultOf = (output: string) => ({
  returnCode: 0,
  output: Buffer.from(output),
  message: undefined,
});
const wireNode = { metadata: { id: "n1", name: "n1" }, spec: undefined, status: undefined };

/** Every call of the Backend in the name of n1 or its executor, as somebody else makes it; resolves with how it is refused. */
const attacks: Record<string, (backend: BackendClient, executorId: string) => Promise<unknown>> = {
  registerNode: (backend) => call(backend, "registerNode", { node: wireNode, executors: [] }),
  releaseNode: (backend) => call(backend, "releaseNode", { nodeName: "n1" }),
  syncNode: (backend) => call(backend, "syncNode", { node: wireNode, executors: [] }),
  watchNode: (backend) =>
    new Promise((resolve, reject) => {
      const stream = backend.watchNode(new Metadata());
      stream.on("error", reject);
      stream.on("end", resolve);
      stream.on("data", () => undefined);
      stream.write({ heartbeat: { nodeName: "n1", status: undefined } });
    }),
  registerExecutor: (backend, executorId) =>
    call(backend, "registerExecutor", {
      executorId,
      executorSpec: { node: "n2", resreq: undefined, shim: 0 },
    }),
  unregisterExecutor: (backend, executorId) => call(backend, "unregisterExecutor", { executorId }),
  bindExecutor: (backend, executorId) => call(backend, "bindExecutor", { executorId }),
  bindExecutorCompleted: (backend, executorId) =>
    call(backend, "bindExecutorCompleted", { executorId, result: undefined }),
  unbindExecutor: (backend, executorId) => call(backend, "unbindExecutor", { executorId }),
  unbindExecutorCompleted: (backend, executorId) =>
    call(backend, "unbindExecutorCompleted", { executorId }),
  launchTask: (backend, executorId) => call(backend, "launchTask", { executorId }),
  completeTask: (backend, executorId) =>
    call(backend, "completeTask", { executorId, taskResult: resultOf("forged") }),
  work: async () => {
    const stream = nodeWith(others).work();
    throw refusalOf(await stream.end());
  },
  serve: async () => {
    const logs = new ScriptedLogs(manager.endpoint, "n1", withToken(others));
    closing.push(logs);
    throw refusalOf(await waitFor("the end of the stream", () => logs.ended));
  },
};

describe("who has another node's token", () => {
  it("is refused whatever it calls in the name of the node, and changes nothing", async () => {
    expect(Object.keys(attacks).sort()).toEqual(
      [BackendService, NodesService, NodeLogsService].flatMap(Object.keys).sort(),
    );
    const { client, session, executorId, backend, lease } = await running();
    const stranger = nodeWith(others, "n2");
    await stranger.register();
    const attacker = backendWith(others);
    for (const [rpc, attack] of Object.entries(attacks)) {
      await expect(
        attack(attacker, executorId).then(() => `${rpc} was taken`),
      ).rejects.toMatchObject({
        code: status.PERMISSION_DENIED,
        details: expect.stringMatching(
          new RegExp(
            `n1 belongs to ${idOf(own)}, .* this call is of ${idOf(others)}: .*flmctl release node n1$`,
          ),
        ),
      });
    }
    expect(await client.getTask(session.id, "1")).toMatchObject({ state: "Running" });
    expect(await client.getNode("n1")).toMatchObject({ state: "Ready" });
    const metadata = new Metadata();
    metadata.set("flame-lease", lease);
    await call(backend, "completeTask", { executorId, taskResult: resultOf("own") }, metadata);
    const ended = await client.getTask(session.id, "1");
    expect(ended).toMatchObject({ state: "Succeed" });
    expect(ended.output?.toString()).toBe("own");
  });

  it("is refused after a restart too, until an operator releases a node that is gone", async () => {
    const node = nodeWith(own);
    await node.register();
    expect(await manager.flmctl("release", "node", "n1")).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^Error: .*node n1 is Ready, .*127\.0\.0\.1:\d+: stop that/),
    });
    node.close();
    await manager.restart();
    const attacker = backendWith(others);
    const register = () => call(attacker, "registerNode", { node: wireNode, executors: [] });
    await expect(register()).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
    expect(await manager.flmctl("release", "node", "n1")).toEqual({
      code: 0,
      out: "Node <n1> was released.\n",
      err: "",
    });
    await expect(register()).resolves.toMatchObject({ returnCode: 0 });
    const former = backendWith(own);
    await expect(
      call(former, "registerNode", { node: wireNode, executors: [] }),
    ).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  });

  it("takes the name when the owner's token is accepted no more, and nothing of what the owner had", async () => {
    const { client, session, executorId } = await running();
    await manager.restart(() => writeTokens(others));
    const heir = nodeWith(others);
    // Until it registers, what it calls in the name of the executors is refused.
    await expect(attacks["completeTask"]?.(backendWith(others), executorId)).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
    await heir.register(executorId);
    await waitFor("the task to be given back", async () => {
      const { state } = await client.getTask(session.id, "1");
      return state === "Pending";
    });
  });
});

describe("flmctl release node", () => {
  it("says what it lacks, and which node is not there", async () => {
    expect(await manager.flmctl("release", "node")).toMatchObject({
      code: 1,
      err: expect.stringContaining("no node, expected one of node"),
    });
    expect(await manager.flmctl("release", "app", "n1")).toMatchObject({ code: 1 });
    expect(await manager.flmctl("release", "node", "n9")).toMatchObject({
      code: 1,
      err: expect.stringContaining("node n9 not found"),
    });
  });
});

describe("a result without a lease", () => {
  it("is refused from a node that tells its version or instance, and the task goes on", async () => {
    const client = frontend();
    const { session, completion } = await completedWithoutLease(client, "i1");
    await expect(completion).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining("the metadata flame-lease is missing"),
    });
    expect(await client.getTask(session.id, "1")).toMatchObject({ state: "Running" });
  });

  it("is taken from a published one", async () => {
    const client = frontend();
    const { session, completion } = await completedWithoutLease(client);
    await completion;
    expect(await client.getTask(session.id, "1")).toMatchObject({ state: "Succeed" });
  });
});

async function completedWithoutLease(client: FlameClient, instance?: string) {
  const node = nodeWith(own, "n1", instance);
  await node.register();
  const session = await sessionOf(client);
  const executorId = await node.bound();
  const backend = backendWith(own);
  await launched(backend, executorId);
  const taskResult = resultOf("own");
  // Caught here, so that it may be looked at later.
  const completion = call(backend, "completeTask", { executorId, taskResult });
  completion.catch(() => undefined);
  return { session, completion };
}
