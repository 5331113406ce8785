import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { requestSchemaHeader } from "../../src/protocol/flight/opaque-headers.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { type Outcome, RawClient } from "../support/raw-calls.ts";
import { allServices, encode, extremesOf, methodsOf, type Tree } from "../support/wire-extremes.ts";
import { nodeMessage, ScriptedNode } from "./scripted-node.ts";
import { call, type Target, targetOf } from "./target.ts";

// Each field of each request at its extremes, taken from the .proto files, so that a new field is driven at once.

let cluster: TestCluster;
let target: Target;
let node: ScriptedNode;
beforeAll(async () => {
  cluster = await startCluster({
    daemons: ["flame-session-manager", "flame-object-cache"],
    config: { cluster: { limits: { max_executors: 10_000 } } },
  });
  target = targetOf(cluster);
  node = await ScriptedNode.start(target, "n1");
  await call(target.frontend, "createSession", { sessionId: "probe", session: node.spec() });
});
afterAll(async () => {
  node.close();
  await target.close();
});

/** Statuses that tell a caller what to do. UNKNOWN and INTERNAL do not, nor does silence. */
const clear = new Set([0, 3, 5, 6, 8, 9, 10, 11, 12]);

/** A request that is right, made anew for each extreme: what it speaks of is there, in the state that the call needs. */
type Scene = () => Promise<Tree> | Tree;

const application = {
  shim: 0,
  command: "/bin/true",
  schema: { input: "{}" },
  environments: [{ name: "A", value: "b" }],
};
const status = { state: 1, capacity: {}, allocatable: {}, info: {}, addresses: [{}] };
const report = (name: string): Tree => ({
  metadata: { id: name, name },
  spec: { hostname: name },
  status,
});
let serial = 0;
const fresh = (what: string): string => `${what}-${++serial}`;
const session = (): Tree => ({ application: "flmping", resreq: { cpu: 1n, memory: 1024n } });
const openSession = async (): Promise<string> => {
  const id = fresh("s");
  await call(target.frontend, "createSession", { sessionId: id, session: node.spec() });
  return id;
};
const closedSession = async (): Promise<string> => {
  const sessionId = await openSession();
  await call(target.frontend, "closeSession", { sessionId });
  return sessionId;
};
const registeredNode = async (): Promise<string> => {
  const name = fresh("n");
  await call(target.backend, "registerNode", { node: nodeMessage(name, false), executors: [] });
  return name;
};
const registeredApplication = async (): Promise<string> => {
  const name = fresh("app");
  await call(target.frontend, "registerApplication", {
    name,
    application: { shim: 0, labels: [], arguments: [], environments: [] },
  });
  return name;
};

const frontend: Readonly<Record<string, Scene>> = {
  RegisterApplication: () => ({ name: fresh("app"), application }),
  UpdateApplication: async () => ({ name: await registeredApplication(), application }),
  UnregisterApplication: async () => ({ name: await registeredApplication() }),
  GetApplication: () => ({ name: "flmping" }),
  ListApplication: () => ({}),
  ListExecutor: () => ({}),
  ListNodes: () => ({}),
  GetNode: () => ({ name: "n1" }),
  CreateSession: () => ({ session_id: fresh("s"), session: session() }),
  OpenSession: () => ({ session_id: fresh("s"), session: session() }),
  CloseSession: async () => ({ session_id: await openSession() }),
  DeleteSession: async () => ({ session_id: await closedSession() }),
  GetSession: () => ({ session_id: "probe" }),
  ListSession: () => ({}),
  CreateTask: () => ({ task: { session_id: "probe", input: Buffer.from("x") } }),
  GetTask: async () => ({ session_id: await node.sessionWithEndedTask(), task_id: "1" }),
  WatchTask: async () => ({ session_id: await node.sessionWithEndedTask(), task_id: "1" }),
  ListTask: async () => ({ session_id: await node.sessionWithEndedTask() }),
};

const backend: Readonly<Record<string, Scene>> = {
  RegisterNode: () => ({
    node: report(fresh("n")),
    executors: [{ metadata: {}, spec: { resreq: {} }, status: {} }],
  }),
  ReleaseNode: async () => ({ node_name: await registeredNode() }),
  SyncNode: async () => ({
    node: report(await registeredNode()),
    executors: [{ metadata: {}, spec: { resreq: {} }, status: {} }],
  }),
  WatchNode: async () => ({ heartbeat: { node_name: await registeredNode(), status } }),
  RegisterExecutor: async () => ({
    executor_id: await node.spareExecutor(),
    executor_spec: { node: "n1", resreq: {}, shim: 0 },
  }),
  UnregisterExecutor: async () => ({ executor_id: await node.voidExecutor() }),
  BindExecutor: async () => ({ executor_id: await node.bindingExecutor() }),
  BindExecutorCompleted: async () => ({
    executor_id: await node.bindingExecutor(),
    result: { return_code: 12, message: "no" },
  }),
  UnbindExecutor: async () => ({ executor_id: await node.bindingExecutor() }),
  UnbindExecutorCompleted: async () => ({ executor_id: await node.bindingExecutor() }),
  LaunchTask: async () => ({ executor_id: await node.busyExecutor() }),
  CompleteTask: async () => ({
    executor_id: await node.busyExecutor(),
    task_result: { return_code: 0, output: Buffer.from("x"), message: "m" },
  }),
};

const nodes: Readonly<Record<string, Scene>> = {
  Work: async () => {
    const executor_id = await node.busyExecutor();
    return {
      hello: { node: "n1", instance: "", warm: 1, binds: true },
      ready: [
        {
          executor_id,
          credit: 1,
          opens: true,
          held: [{ lease: "1.1/1", session_id: "probe", task_id: "1" }],
          entered: "probe",
        },
      ],
      completions: [
        { executor_id, lease: "1.1/1", return_code: 0, output: Buffer.from("x"), message: "m" },
      ],
      returns: [{ executor_id, leases: ["1.1/1"], begun: "1.1/1" }],
      awaits: [{ executor_id, lease: "1.1/1", session_ids: ["probe"] }],
    };
  },
};

const nodeLogs: Readonly<Record<string, Scene>> = {
  Serve: async () => ({
    node: await registeredNode(),
    answers: [
      {
        read: 1,
        pieces: [{ executor_id: "e", stream: "out", task_id: "1", data: Buffer.from("x\n") }],
        over: true,
        found: true,
        fault: "none",
      },
    ],
    lines: [
      {
        session_id: "s",
        executor_id: "e",
        stream: "out",
        task_id: "1",
        data: Buffer.from("x\n"),
        left_out: 1,
        node: "n",
      },
    ],
    synced: [1],
  }),
};

const admin: Readonly<Record<string, Scene>> = {
  ViewCluster: () => ({}),
  ReadLogs: async () => ({ session_id: await node.sessionWithEndedTask(), task_id: "1" }),
  Backup: () => ({}),
  ReadAudit: () => ({ since: 0n }),
  ReleaseNode: () => ({ name: fresh("node") }),
};

const manifest = (name: string): string => `metadata: { name: ${name} }\nspec: { command: x }\n`;
const registry: Readonly<Record<string, Scene>> = {
  Apply: () => ({ documents: [{ manifest: manifest(fresh("app")), expected_revision: 0n }] }),
  Get: () => ({ name: "flmping" }),
  List: () => ({}),
  GetOfSession: () => ({ session_id: "probe" }),
  ListRevisions: () => ({ name: "flmping" }),
  Rollback: async () => ({ name: await registeredApplication(), to: 1n, expected_revision: 1n }),
  Remove: async () => ({ name: await registeredApplication(), expected_revision: 1n }),
  Watch: () => ({ name: "flmping" }),
};

const descriptor = { type: 1, path: ["app/ssn"] };
const cache: Readonly<Record<string, Scene>> = {
  DoPut: () => ({ flight_descriptor: descriptor, data_header: requestSchemaHeader }),
  DoGet: () => ({ ticket: Buffer.from("app/ssn/none:0") }),
  DoAction: () => ({ type: "DELETE", body: Buffer.from("app/ssn/none") }),
  GetFlightInfo: () => descriptor,
  GetSchema: () => descriptor,
  ListFlights: () => ({}),
  ListActions: () => ({}),
};

const outside: Readonly<Record<string, Scene>> = {
  Check: () => ({ service: "flame.v1.Frontend" }),
  List: () => ({}),
  Watch: () => ({ service: "flame.v1.Frontend" }),
  ServerReflectionInfo: () => ({ list_services: "*" }),
};

/** Where each service listens, and a scene for each of its calls. Those of the Instance are called on executors alone. */
const served: Readonly<
  Record<string, readonly [where: () => string, scenes: Readonly<Record<string, Scene>>]>
> = {
  "flame.v1.Backend": [() => target.backendAddress, backend],
  "flame.stream.v1.Nodes": [() => target.backendAddress, nodes],
  "flame.logs.v1.NodeLogs": [() => target.backendAddress, nodeLogs],
  "flame.v1.Frontend": [() => target.address, frontend],
  "flame.client.v1.Presence": [() => target.address, { Beat: () => ({}) }],
  "flame.sessions.v1.Sessions": [
    () => target.address,
    { Cancel: async () => ({ session_id: await openSession() }) },
  ],
  "flame.stream.v1.Clients": [
    () => target.address,
    {
      Tasks: async () => ({
        lanes: [{ lane: 1, session_id: await openSession(), producer: "p" }],
        submits: [{ lane: 1, first: 1n, follow: true, inputs: [{ data: new Uint8Array(1) }] }],
        follows: [{ lane: 1, first: 1n, count: 1 }],
        credit: { results: 10, bytes: 1000 },
      }),
    },
  ],
  "flame.logs.v1.Logs": [
    () => target.address,
    { Follow: async () => ({ begin: [await openSession()], end: [] }) },
  ],
  "flame.admin.v1.Admin": [() => target.address, admin],
  "flame.registry.v1.Registry": [() => target.address, registry],
  "arrow.flight.protocol.FlightService": [
    () => cluster.cacheEndpoint.replace("grpc://", ""),
    cache,
  ],
  "grpc.health.v1.Health": [() => target.address, outside],
  "grpc.reflection.v1.ServerReflection": [() => target.address, outside],
  "grpc.reflection.v1alpha.ServerReflection": [() => target.address, outside],
};

/** Called on executors alone. */
const notServed = ["flame.v1.Instance"];

it("every service of every .proto file has its scenes", () => {
  expect([...Object.keys(served), ...notServed].sort()).toEqual(allServices().sort());
});

const calls = Object.entries(served).flatMap(([service, [where, scenes]]) =>
  methodsOf(service).map((method) => [service, method.name, method, where, scenes] as const),
);

describe.each(calls)("%s/%s", (_service, name, method, where, scenes) => {
  it("answers each extreme of each field with a clear status, and goes on serving", async () => {
    const scene = scenes[name];
    if (scene === undefined) throw new Error(`no scene for ${method.parent.typeName}/${name}`);
    const client = new RawClient(where());
    const wrong: string[] = [];
    try {
      for (const { label, applyTo } of extremesOf(method.input)) {
        const request = encode(method.input, applyTo(await scene()));
        const outcome = await client.send(method, request);
        if (!isClear(outcome))
          wrong.push(`${label}: ${outcome.code} ${outcome.details.slice(0, 200)}`);
        await stillServing(label);
      }
    } finally {
      client.close();
    }
    expect(wrong).toEqual([]);
    expect(await viewCluster()).toMatchObject({ code: 0, stderr: "" });
  });
});

it("what was accepted can be read again after a restart", async () => {
  node.close();
  await cluster.daemon("flame-session-manager").restart("SIGKILL");
  expect(await viewCluster()).toMatchObject({ code: 0, stderr: "" });
});

const isClear = ({ code, details }: Outcome): boolean =>
  clear.has(code) && (code === 0 || details.length > 0);

async function stillServing(after: string): Promise<void> {
  for (const name of ["flame-session-manager", "flame-object-cache"] as const) {
    if (!cluster.daemon(name).running) throw new Error(`${name} ended after ${after}`);
  }
  await call(target.frontend, "getSession", { sessionId: "probe" });
}

/** After everything was listed, in every form in which it is handed out. */
async function viewCluster(): Promise<{ code: number | null; stderr: string }> {
  for (const list of ["listNodes", "listExecutor", "listApplication", "listSession"] as const)
    await call(target.frontend, list, {});
  return cluster.run("flmctl", "view", "cluster");
}
