import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ObjectClient } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { flightDefinition } from "../../../src/protocol/flight/flight-definition.ts";
import { HealthService as health } from "../../../src/protocol/generated/grpc/health/v1/health.ts";
import { endOf, framed, PlainClient } from "../../support/plain-http2.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

const MIB = 1024 * 1024;
const bomb = framed(gzipSync(Buffer.alloc(64 * MIB)), true);
const resourceExhausted = 8;
const unimplemented = 12;

let folder: { path: string; remove: () => void };
let running: RunningObjectCache;
let plain: PlainClient;

beforeEach(async () => {
  folder = temporaryFolder("cache");
  running = await startObjectCache({
    config: loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } }),
    logger: silentLogger,
    port: 0,
    connectionTimes: { firstCallMs: 1_000 },
  });
  plain = new PlainClient(`http://127.0.0.1:${running.port}`);
});
afterEach(async () => {
  plain.destroy();
  await running.close();
  folder.remove();
});

describe("a connection to the object cache", () => {
  it("has 128 streams at first, and 4,096 with a larger window after its first accepted call", async () => {
    const streams = (): number | undefined => plain.session.remoteSettings.maxConcurrentStreams;
    const windows = (): (number | undefined)[] => [
      plain.session.remoteSettings.initialWindowSize,
      plain.session.state.remoteWindowSize,
    ];
    await waitFor("the settings", () => streams() === 128);
    expect(windows()).toEqual([65_535, 65_535]);
    await endOf(plain.send(flightDefinition.listActions.path, Buffer.alloc(0)));
    await waitFor("more streams", () => streams() === 4_096);
    await waitFor("larger windows", () => windows().every((bytes = 0) => bytes > MIB - 100));
    expect(plain.goaway).toBeUndefined();
  });

  it("may bring no compressed messages, however small they look", async () => {
    for (const path of [health.check.path, flightDefinition.doPut.path]) {
      const stream = plain.open(path, { "grpc-encoding": "gzip" });
      stream.end(bomb);
      const { grpcStatus, grpcMessage } = await endOf(stream);
      expect(grpcStatus).toBe(unimplemented);
      expect(grpcMessage).toContain('got grpc-encoding "gzip"');
    }
  });

  it("may bring 16 MiB in any call but a put", async () => {
    const stream = plain.open(flightDefinition.getFlightInfo.path);
    const head = framed(Buffer.alloc(0));
    head.writeUInt32BE(64 * MIB, 1);
    stream.write(head);
    stream.write(Buffer.alloc(17 * MIB));
    expect((await endOf(stream)).grpcStatus).toBe(resourceExhausted);

    const client = new ObjectClient({ endpoint: running.endpoint });
    const ref = await client.put("app/session", Buffer.alloc(40 * MIB, 7));
    expect((await client.get(ref)).length).toBe(40 * MIB);
    client.close();
  });

  it("is ended when nothing is ever called on it", async () => {
    const sockets = Array.from({ length: 30 }, () => connect(running.port, "127.0.0.1"));
    let closed = 0;
    for (const socket of sockets) {
      socket.on("error", () => undefined).resume();
      socket.on("close", () => closed++);
    }
    await waitFor("the end of all of them", () => closed === sockets.length);
    expect(closed).toBe(30);
  });
});
