import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { type Outcome, RawClient } from "../../support/raw-calls.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { allServices, methodsOf } from "../../support/wire-extremes.ts";
import { withToken } from "../../support/with-token.ts";

const everybody = ["nobody", "viewer", "user", "operator", "admin", "node"] as const;
type Who = (typeof everybody)[number];
const [viewers, users, operators]: Who[][] = [
  ["viewer", "user", "operator", "admin"],
  ["user", "operator", "admin"],
  ["operator", "admin"],
];
const traders: Who[] = [...(users ?? []), "node"];

/** Whom each call is for: written down once more, so that no slip in the table goes unseen. */
const allowed: Readonly<
  Record<string, readonly [who: readonly Who[] | undefined, calls: string][]>
> = {
  "flame.v1.Frontend": [
    [operators, "RegisterApplication UnregisterApplication UpdateApplication"],
    [viewers, "GetApplication ListApplication ListExecutor ListNodes GetNode"],
    [users, "CreateSession DeleteSession OpenSession CloseSession CreateTask"],
    [viewers, "GetSession ListSession GetTask WatchTask ListTask"],
  ],
  "flame.stream.v1.Clients": [[users, "Tasks"]],
  "flame.client.v1.Presence": [[users, "Beat"]],
  "flame.sessions.v1.Sessions": [[users, "Cancel"]],
  "flame.logs.v1.Logs": [[viewers, "Follow"]],
  "flame.admin.v1.Admin": [
    [viewers, "ViewCluster ReadLogs"],
    [["admin"], "Backup ReadAudit"],
    [operators, "ReleaseNode"],
  ],
  "flame.registry.v1.Registry": [
    [operators, "Apply Rollback Remove"],
    [viewers, "Get List GetOfSession ListRevisions Watch"],
  ],
  "flame.v1.Backend": [
    [["node"], "RegisterNode ReleaseNode SyncNode WatchNode"],
    [["node"], "RegisterExecutor UnregisterExecutor BindExecutor BindExecutorCompleted"],
    [["node"], "UnbindExecutor UnbindExecutorCompleted LaunchTask CompleteTask"],
  ],
  "flame.stream.v1.Nodes": [[["node"], "Work"]],
  "flame.logs.v1.NodeLogs": [[["node"], "Serve"]],
  "arrow.flight.protocol.FlightService": [
    [traders, "DoPut DoGet DoAction GetFlightInfo GetSchema ListFlights ListActions"],
  ],
  "grpc.health.v1.Health": [[everybody, "Check Watch List"]],
  "grpc.reflection.v1.ServerReflection": [[everybody, "ServerReflectionInfo"]],
  "grpc.reflection.v1alpha.ServerReflection": [[everybody, "ServerReflectionInfo"]],
};

/** Calls that wait for something are cut off then: they got through. */
const waitsMs = 1_000;
const devCertificates = resolve(import.meta.dirname, "../../../scripts/dev-certs.sh");

let folder: ReturnType<typeof temporaryFolder>;
const file = (name: string): string => join(folder.path, name);
const tokenOf = (who: Who): string => `${who}-0123456789abcdef`;

beforeAll(() => {
  folder = temporaryFolder("matrix");
  execFileSync(devCertificates, [file(".")]);
  const lines = everybody.map((who) => {
    const hash = createHash("sha256").update(tokenOf(who)).digest("hex");
    return `${who} sha256:${hash} ${who === "nobody" ? "" : `roles=${who}`}`;
  });
  writeFileSync(file("tokens"), `${lines.join("\n")}\n`, { mode: 0o600 });
  // Both by line and by configuration, and a node's file gives the role node to names without one.
  const other = lines.filter((line) => !line.startsWith("nobody "));
  writeFileSync(file("node-tokens"), `${other.join("\n")}\n`, { mode: 0o600 });
});
afterAll(() => folder.remove());

function servedBy(service: string): "frontend" | "backend" | "cache" {
  if (service.startsWith("arrow.")) return "cache";
  return /Backend|Nodes|NodeLogs/.test(service) ? "backend" : "frontend";
}

interface Listeners {
  readonly ports: Readonly<Record<ReturnType<typeof servedBy>, number>>;
  close(): Promise<void>;
}

async function listen(security: object, tls?: object): Promise<Listeners> {
  const cacheSection = tls === undefined ? {} : { endpoint: "grpcs://127.0.0.1:9090", tls };
  const manager: ManagerUnderTest = await startManager({
    cluster: { security, ...(tls !== undefined && { tls }) },
    cache: cacheSection,
  });
  const path = join(manager.home, "cluster.yaml");
  const cache: RunningObjectCache = await startObjectCache({
    config: loadClusterConfig({ path, env: { FLAME_HOME: manager.home, HOME: manager.home } }),
    logger: silentLogger,
    port: 0,
  });
  const port = Number(new URL(manager.endpoint).port);
  return {
    ports: { frontend: port, backend: port + 1, cache: cache.port },
    close: async () => {
      await cache.close();
      await manager.close();
    },
  };
}

const refusals: readonly number[] = [status.PERMISSION_DENIED, status.UNAUTHENTICATED];
const refused = ({ code }: Outcome): boolean => refusals.includes(code);

describe("with tokens", () => {
  let listeners: Listeners;
  const clients: RawClient[] = [];
  beforeAll(async () => {
    const [token_file, node_token_file] = [file("tokens"), file("node-tokens")];
    const security = { clients: "token", nodes: "token", token_file, node_token_file, roles: [] };
    listeners = await listen(security);
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await listeners.close();
  });

  const clientOf = (service: string, who: Who): RawClient => {
    const port = listeners.ports[servedBy(service)];
    const client = new RawClient(`127.0.0.1:${port}`, withToken(tokenOf(who)));
    clients.push(client);
    return client;
  };

  it("says of every call of every service whom it is for", () => {
    const told = Object.entries(allowed).flatMap(([service, rows]) =>
      rows.flatMap(([, calls]) => calls.split(" ").map((call) => `${service}/${call}`)),
    );
    const served = allServices().filter((service) => service !== "flame.v1.Instance");
    const all = served.flatMap((service) =>
      methodsOf(service).map(({ name }) => `${service}/${name}`),
    );
    expect(told.sort()).toEqual(all.sort());
  });

  it.each(Object.keys(allowed))("lets whom it is for call %s, and nobody else", async (service) => {
    const wrong: string[] = [];
    for (const who of everybody) {
      // The file of nodes has no line for nobody: see the next test.
      if (who === "nobody" && servedBy(service) === "backend") continue;
      const client = clientOf(service, who);
      const ended = methodsOf(service).map(async (method): Promise<void> => {
        const [row] = (allowed[service] ?? []).filter(([, calls]) =>
          calls.split(" ").includes(method.name),
        );
        const outcome = await client.send(method, Buffer.alloc(0), waitsMs);
        const may = row?.[0]?.includes(who) === true;
        if (may === refused(outcome))
          wrong.push(`${who} ${method.name}: ${outcome.code} ${outcome.details}`);
        if (!may && !outcome.details.includes("(docs/security.md, 37.1)"))
          wrong.push(`${who} ${method.name} is not told the rule: ${outcome.details}`);
      });
      await Promise.all(ended);
    }
    expect(wrong).toEqual([]);
  });

  it("says who asked, what is missing and what to do", async () => {
    const [create] = methodsOf("flame.v1.Frontend").filter(({ name }) => name === "CreateSession");
    if (create === undefined) throw new Error("no CreateSession");
    const outcome = await clientOf("flame.v1.Frontend", "viewer").send(create, Buffer.alloc(0));
    expect(outcome).toEqual({
      code: status.PERMISSION_DENIED,
      details:
        "CreateSession needs the role user, and viewer has viewer (docs/security.md, 37.1): an administrator gives roles in " +
        "cluster.security.roles, or in the token's line of the token file",
    });
  });

  it("lets nobody in whose token is not known, whatever is called", async () => {
    for (const service of Object.keys(allowed)) {
      if (service.startsWith("grpc.health")) continue;
      const port = listeners.ports[servedBy(service)];
      const client = new RawClient(`127.0.0.1:${port}`, withToken("a-stranger-0123456789"));
      clients.push(client);
      for (const method of methodsOf(service))
        expect(await client.send(method, Buffer.alloc(0), waitsMs)).toMatchObject({
          code: status.UNAUTHENTICATED,
        });
    }
  });
});

describe("with certificates", () => {
  const subject = "O=Flame development,CN=flame-client";
  const own = () =>
    credentials.createSsl(
      readFileSync(file("ca.crt")),
      readFileSync(file("client.key")),
      readFileSync(file("client.crt")),
    );

  it.each<[string, object[] | undefined, Who[]]>([
    ["all roles where the configuration says nothing of them", undefined, ["admin", "node"]],
    ["none where it gives roles to others alone", [{ role: "admin", names: ["CN=other"] }], []],
    ["the role viewer where it says so", [{ role: "viewer", names: [subject] }], ["viewer"]],
    ["the role node where it says so", [{ role: "node", names: [subject] }], ["node"]],
    [
      "those of everybody, too",
      [
        { role: "node", names: [subject] },
        { role: "user", names: ["*"] },
      ],
      ["user", "node"],
    ],
  ])("a caller has %s", async (_what, roles, held) => {
    const tls = {
      cert_file: file("server.crt"),
      key_file: file("server.key"),
      ca_file: file("ca.crt"),
    };
    const security = { clients: "mtls", nodes: "mtls", ...(roles !== undefined && { roles }) };
    const listeners = await listen(security, tls);
    const wrong: string[] = [];
    try {
      for (const [service, rows] of Object.entries(allowed)) {
        const client = new RawClient(`127.0.0.1:${listeners.ports[servedBy(service)]}`, {}, own());
        const ended = methodsOf(service).map(async (method): Promise<void> => {
          const [row] = rows.filter(([, calls]) => calls.split(" ").includes(method.name));
          const who = row?.[0] ?? [];
          const may = who === everybody || held.some((role) => who.includes(role));
          const outcome = await client.send(method, Buffer.alloc(0), waitsMs);
          if (may === refused(outcome)) wrong.push(`${service}/${method.name}: ${outcome.details}`);
        });
        await Promise.all(ended);
        client.close();
      }
    } finally {
      await listeners.close();
    }
    expect(wrong).toEqual([]);
  });
});
