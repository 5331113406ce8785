import { readFileSync } from "node:fs";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  CreateSessionRequest,
  CreateTaskRequest,
  FrontendClient,
} from "../../src/protocol/generated/flame/v1/frontend.ts";
import { HealthClient } from "../../src/protocol/generated/grpc/health/v1/health.ts";
import {
  ServerReflectionClient,
  type ServerReflectionResponse,
} from "../../src/protocol/generated/grpc/reflection/v1/reflection.ts";
import { prepareCluster, startCluster, type TestCluster } from "../support/cluster.ts";
import type { DaemonName } from "../support/daemon.ts";
import { waitFor } from "../support/wait-for.ts";

const serving = 1;
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster({ env: { FLAME_LOG: "debug" } });
});

afterAll(async () => {
  await cluster.close();
});

/** `host:port` of every gRPC listener, and the service that it is there for. */
function listeners(): [address: string, service: string][] {
  const { hostname, port } = new URL(cluster.endpoint);
  return [
    [`${hostname}:${port}`, "flame.v1.Frontend"],
    [`${hostname}:${Number(port) + 1}`, "flame.v1.Backend"],
    [new URL(cluster.cacheEndpoint).host, "arrow.flight.protocol.FlightService"],
  ];
}

function health(address: string, service: string): Promise<number> {
  const client = new HealthClient(address, credentials.createInsecure());
  return new Promise<number>((resolve, reject) => {
    client.check({ service }, (error, reply) => {
      if (error === null) resolve(reply.status);
      else reject(error);
    });
  }).finally(() => client.close());
}

async function reflected(address: string): Promise<string[]> {
  const client = new ServerReflectionClient(address, credentials.createInsecure());
  const call = client.serverReflectionInfo();
  const reply = await new Promise<ServerReflectionResponse>((resolve, reject) => {
    call.once("data", resolve);
    call.on("error", reject);
    call.write({ host: "", messageRequest: { $case: "listServices", value: "" } });
    call.end();
  });
  client.close();
  const { messageResponse: answer } = reply;
  if (answer?.$case !== "listServicesResponse") throw new Error(JSON.stringify(answer));
  return answer.value.service.map(({ name }) => name);
}

type Metrics = ReadonlyMap<string, number>;

/** Where a daemon serves its metrics. */
function metricsUrl(name: DaemonName): string {
  const record = readFileSync(join(cluster.home, "run", `${name}.json`), "utf8");
  return (JSON.parse(record) as { metrics: string }).metrics;
}

/** What a daemon's /metrics says, by `name{labels}`; a line that is no sample fails the test. */
async function metricsOf(name: DaemonName): Promise<Metrics> {
  const response = await fetch(metricsUrl(name));
  expect(response.headers.get("content-type")).toContain("text/plain; version=0.0.4");
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  const samples = lines.filter((line) => !line.startsWith("# "));
  return new Map(
    samples.map((line) => {
      expect(line).toMatch(/^[a-z_][a-z0-9_]*(\{.*\})? [-+0-9.eNaIinf]+$/);
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe("from outside", () => {
  test("every listener says through grpc.health.v1 that it serves", async () => {
    for (const [address, service] of listeners()) {
      expect([service, await health(address, service)]).toEqual([service, serving]);
      expect([address, await health(address, "")]).toEqual([address, serving]);
    }
  });

  test("every listener lists its services through reflection", async () => {
    for (const [address, service] of listeners()) {
      expect(await reflected(address)).toEqual(
        expect.arrayContaining([service, "grpc.health.v1.Health"]),
      );
    }
  });

  test("the metrics of every daemon can be read, and move with its work", async () => {
    const before = await metricsOf("flame-session-manager");
    const { code } = await cluster.run("flmping", "-t", "20");
    expect(code).toBe(0);
    const after = await metricsOf("flame-session-manager");
    const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(grown("flame_tasks_created_total")).toBe(20);
    expect(grown('flame_tasks_ended_total{outcome="succeed"}')).toBe(20);
    const staged = (stage: string): number =>
      grown(`flame_task_stage_seconds_count{stage="${stage}"}`);
    expect(["pending", "running", "whole"].map(staged)).toEqual([20, 20, 20]);
    expect(grown("flame_tasks_returned_total")).toBe(0);
    expect(grown("flame_commit_seconds_count")).toBeGreaterThan(0);
    expect(grown("flame_commit_sync_seconds_count")).toBe(grown("flame_commit_seconds_count"));
    expect(grown("flame_commit_sync_seconds_sum")).toBeLessThan(grown("flame_commit_seconds_sum"));
    expect(after.get('flame_tasks{state="succeed"}')).toBe(20);
    expect(after.get('flame_tasks{state="pending"}')).toBe(0);
    expect(after.get('flame_sessions{state="closed"}')).toBe(1);
    expect(after.get('flame_nodes{state="ready"}')).toBe(1);
    expect(after.get("flame_applications")).toBe(3);
    expect(after.get("process_resident_memory_bytes")).toBeGreaterThan(0);

    const node = await metricsOf("flame-executor-manager");
    expect(node.get('flame_invoke_seconds_count{outcome="succeed"}')).toBe(20);
    expect(node.get('flame_binds_total{code="0"}')).toBeGreaterThan(0);
  });

  test("the metrics of the object cache count objects, bytes and hits", async () => {
    const { code, stderr } = await cluster.python(
      'import flamepy\nref = flamepy.put_object("app/session", [1] * 1000)\nprint(len(flamepy.get_object(ref)))',
    );
    expect([code, stderr]).toEqual([0, ""]);
    const cache = await metricsOf("flame-object-cache");
    expect(cache.get("flame_cache_objects")).toBe(1);
    expect(cache.get("flame_cache_bytes")).toBeGreaterThan(1000);
    expect(cache.get('flame_cache_stored_total{operation="put"}')).toBe(1);
    expect(cache.get('flame_cache_reads_total{from="memory"}')).toBe(1);
  });

  test("a request id goes through the logs of session manager and executor manager", async () => {
    const client = new FrontendClient(new URL(cluster.endpoint).host, credentials.createInsecure());
    const metadata = (id: string): Metadata => {
      const made = new Metadata();
      made.set("flame-request-id", id);
      return made;
    };
    const sessionId = "flmping-traced";
    try {
      await new Promise<unknown>((resolve, reject) => {
        const session = { application: "flmping", minInstances: 0, priority: 0 };
        const request = CreateSessionRequest.fromPartial({ sessionId, session });
        client.createSession(request, metadata("the-session"), (error, reply) => {
          if (error === null) resolve(reply);
          else reject(error);
        });
      });
      await new Promise<unknown>((resolve, reject) => {
        const input = Buffer.from('{"duration": null, "memory": null}');
        const request = CreateTaskRequest.fromPartial({ task: { sessionId, input } });
        client.createTask(request, metadata("the-task"), (error, reply) => {
          if (error === null) resolve(reply);
          else reject(error);
        });
      });
      const refused = await new Promise<ServiceError>((resolve, reject) => {
        client.getSession({ sessionId: "nothing" }, metadata("the-refused"), (error) => {
          if (error === null) reject(new Error("it was answered"));
          else resolve(error);
        });
      });
      expect(refused.metadata.get("flame-request-id")).toEqual(["the-refused"]);
      const logged = (name: DaemonName, ...words: string[]): boolean =>
        cluster
          .daemon(name)
          .log()
          .split("\n")
          .some((line) => words.every((word) => line.includes(word)));
      const about = `"session":"${sessionId}"`;
      await waitFor("every log to name the requests", () =>
        [
          logged("flame-session-manager", '"rpc":"createSession"', '"the-session"', about),
          // By a call for the first executor of the node, else on its stream.
          logged("flame-session-manager", '"rpc":"bindExecutor"', '"the-session"', about) ||
            logged("flame-session-manager", '"session given"', '"the-session"', about),
          logged("flame-executor-manager", "session entered", '"the-session"', about),
          logged("flame-session-manager", '"rpc":"createTask"', '"the-task"', about, '"task":"1"'),
          logged("flame-session-manager", '"task handed out"', '"the-task"', about, '"task":"1"'),
          logged("flame-executor-manager", "task ended", '"the-task"', about, '"task":"1"'),
          logged("flame-session-manager", '"result taken"', '"the-task"', about, '"executor":'),
          logged("flame-session-manager", '"rpc":"getSession"', '"the-refused"', "call refused"),
        ].every(Boolean),
      );
    } finally {
      client.close();
    }
  });

  test("metrics on loopback are not for pages that come by a name of their own", async () => {
    const { port } = new URL(metricsUrl("flame-session-manager"));
    const asked = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        get({ host: "127.0.0.1", port, path: "/metrics", headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on("error", reject);
      });
    expect(await asked(`rebound.example:${port}`)).toBe(421);
    expect(await asked("127.0.0.1.rebound.example")).toBe(421);
    for (const own of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      expect(await asked(own)).toBe(200);
    }
  });

  test("a taken metrics port is one clear message, and no daemon starts without its metrics", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const other = await prepareCluster({ config: { metrics: { session_manager_port: port } } });
    try {
      const { code, stderr } = await other.run("flame-session-manager");
      expect(code).toBe(1);
      expect(stderr).toContain(`cannot listen on 127.0.0.1:${port}: the port is taken`);
      expect(stderr).toContain("metrics.session_manager_port");
    } finally {
      await other.close();
      taken.close();
    }
  });
});
