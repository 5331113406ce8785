import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ObjectClient } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { flightDefinition } from "../../../src/protocol/flight/flight-definition.ts";
import type { Action, Result } from "../../../src/protocol/generated/arrow/flight/flight.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: { path: string; remove: () => void };
let running: RunningObjectCache;
let client: ObjectClient;

beforeEach(async () => {
  folder = temporaryFolder("cache");
  const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
  running = await startObjectCache({ config, logger: silentLogger, port: 0 });
  client = new ObjectClient({ endpoint: running.endpoint });
});
afterEach(async () => {
  client.close();
  await running.close();
  folder.remove();
});

const lists = [
  { body: "{}" },
  { body: "nonsense" },
  { body: "[1]" },
  { body: '["a/s", "a"]' },
  { body: JSON.stringify(Array(10_001).fill("a/s")) },
];

describe("the objects of many sessions", () => {
  it("deletes what many targets name with one call, and nothing when one of them is bad", async () => {
    for (const key of ["a/s1/x", "a/s1/y", "a/s2/x", "b/s1/x", "c/s1/x", "c/s2/x"])
      await client.put(key, Buffer.from(key));
    const keys = async (): Promise<string[]> => (await client.list()).map(({ key }) => key).sort();
    await client.deleteMany([]);
    expect(await keys()).toHaveLength(6);
    await client.deleteMany(["a/s1", "a/s1/x", "b/nobody", "c/*"]);
    expect(await keys()).toEqual(["a/s2/x", "b/s1/x"]);
    await client.deleteMany(["a/s2", "no key", "b/../x"]);
    expect(await keys()).toEqual(["b/s1/x"]);
  });

  it("deletes one by one at a cache that knows no other way", async () => {
    const asked: string[] = [];
    const published = new Server();
    published.addService(
      { doAction: flightDefinition.doAction },
      {
        doAction: (call: ServerWritableStream<Action, Result>) => {
          const { type, body } = call.request;
          asked.push(`${type} ${body.toString()}`);
          if (type === "DELETE") call.end();
          else
            call.emit("error", { code: status.INVALID_ARGUMENT, details: "Unknown action type" });
        },
      },
    );
    const port = await new Promise<number>((resolve) => {
      const anyPort = "127.0.0.1:0";
      published.bindAsync(anyPort, ServerCredentials.createInsecure(), (_, bound) =>
        resolve(bound),
      );
    });
    const other = new ObjectClient({ endpoint: `grpc://127.0.0.1:${port}` });
    const targets = Array.from({ length: 10 }, (_, i) => `app/s${i}`);
    await other.deleteMany(targets);
    other.close();
    published.forceShutdown();
    expect(asked[0]).toBe(`FLAME_DELETE_MANY ${JSON.stringify(targets)}`);
    expect(asked.slice(1).sort()).toEqual(targets.map((target) => `DELETE ${target}`));
  });

  it.each(lists)("is told what is wrong with a list of what to delete", async ({ body }) => {
    const { host, port } = new URL(running.endpoint.replace("grpc", "http"));
    expect(port).not.toBe("");
    const raw = new Client(host, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = flightDefinition.doAction;
    const request = { type: "FLAME_DELETE_MANY", body: Buffer.from(body) };
    const call = raw.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
    const failure = await new Promise<ServiceError>((resolve) => {
      call.on("error", resolve);
      call.resume();
    });
    raw.close();
    expect(failure.code).toBe(status.INVALID_ARGUMENT);
    expect(failure.details).toMatch(
      /bad (list of what to delete: .*expected a JSON array|key "a")/,
    );
  });
});
