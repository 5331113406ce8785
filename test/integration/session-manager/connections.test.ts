import { once } from "node:events";
import { constants } from "node:http2";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import { LoadClient, openSessions, queueTasks } from "../../../bench/overload/loads.ts";
import type { ConnectionTimes } from "../../../src/connections/connection-guard.ts";
import { AdminService as admin } from "../../../src/protocol/generated/flame/admin/v1/admin.ts";
import { BackendService as backend } from "../../../src/protocol/generated/flame/v1/backend.ts";
import { FrontendService as frontend } from "../../../src/protocol/generated/flame/v1/frontend.ts";
import { HealthService as health } from "../../../src/protocol/generated/grpc/health/v1/health.ts";
import { blackholeProxy } from "../../support/blackhole-proxy.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { endOf, framed, PlainClient } from "../../support/plain-http2.ts";
import { waitFor } from "../../support/wait-for.ts";

const ok = 0;
const deadlineExceeded = 4;
const resourceExhausted = 8;
const unimplemented = 12;
const empty = Buffer.alloc(0);

let manager: ManagerUnderTest;
const releases: (() => Promise<void> | void)[] = [];

async function start(connectionTimes: Partial<ConnectionTimes> = {}): Promise<void> {
  manager = await startManager({ connectionTimes });
}
function client(endpoint = manager.endpoint): PlainClient {
  const one = new PlainClient(endpoint);
  releases.push(() => one.destroy());
  return one;
}
function loader(address = manager.endpoint.replace("http://", "")): LoadClient {
  const one = new LoadClient(address);
  releases.push(() => one.close());
  return one;
}
const backendEndpoint = (): string => {
  const { hostname, port } = new URL(manager.endpoint);
  return `http://${hostname}:${Number(port) + 1}`;
};
const listNodes = (of: PlainClient): ReturnType<typeof endOf> =>
  endOf(of.send(frontend.listNodes.path, empty));
const streamsOf = ({ session }: PlainClient): number | undefined =>
  session.remoteSettings.maxConcurrentStreams;

afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
  await manager.close();
});

describe("streams of a connection", () => {
  it("are 128 at first, and 4,096 after the first call that was accepted", async () => {
    await start();
    const one = client();
    await waitFor("the settings", () => streamsOf(one) === 128);
    // Whoever asks for health alone has shown nothing of himself.
    expect((await endOf(one.send(health.check.path, empty))).grpcStatus).toBe(ok);
    await endOf(one.send("/flame.v1.Frontend/Nothing", empty));
    expect(streamsOf(one)).toBe(128);
    expect((await listNodes(one)).grpcStatus).toBe(ok);
    await waitFor("more streams", () => streamsOf(one) === 4_096);
  });

  it("have no limit for nodes", async () => {
    await start();
    const node = client(backendEndpoint());
    await waitFor("the settings", () => streamsOf(node) === 128);
    await endOf(node.send(backend.unregisterExecutor.path, empty));
    await waitFor("no limit", () => streamsOf(node) !== 128);
    expect(streamsOf(node)).toBe(0x7fff_ffff);
  });

  it("are reset when they are answered before their client has ended them", async () => {
    await start();
    const one = client();
    const unknown = await endOf(one.open("/flame.v1.Frontend/Nothing"));
    expect(unknown).toMatchObject({
      grpcStatus: unimplemented,
      resetCode: constants.NGHTTP2_NO_ERROR,
    });
    const late = one.open(frontend.getTask.path, { "grpc-timeout": "50m" });
    expect(await endOf(late)).toMatchObject({ grpcStatus: deadlineExceeded });
    const tooLarge = one.open(frontend.getTask.path);
    const head = framed(empty);
    head.writeUInt32BE(17 * 1024 * 1024, 1);
    tooLarge.write(head);
    expect(await endOf(tooLarge)).toMatchObject({ grpcStatus: resourceExhausted });
    const twice = one.open(frontend.listNodes.path);
    twice.write(Buffer.concat([framed(empty), framed(empty)]));
    expect(await endOf(twice)).toMatchObject({ grpcStatus: unimplemented });
    expect(one.goaway).toBeUndefined();
  });

  it("may ask for health in 4 KiB and for reflection in 1 MiB, each in all", async () => {
    await start();
    const one = client();
    for (const [path, mebibytes] of [
      [health.check.path, 1],
      ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 2],
    ] as const) {
      const stream = one.open(path);
      const head = framed(empty);
      head.writeUInt32BE(mebibytes * 1024 * 1024, 1);
      stream.write(head);
      stream.write(Buffer.alloc(mebibytes * 1024 * 1024 - 1));
      const { grpcStatus, grpcMessage } = await endOf(stream);
      expect(grpcStatus).toBe(resourceExhausted);
      expect(grpcMessage).toMatch(
        /^the request is too large: .* takes \d+ bytes at most in one call, got \d+/,
      );
    }
  });

  it("are refused with what to do when their messages would be compressed", async () => {
    await start();
    const one = client();
    for (const [path, encoding] of [
      [frontend.listNodes.path, "gzip"],
      [health.check.path, "deflate"],
      ["/flame.v1.Frontend/Nothing", "snappy"],
    ] as const) {
      const stream = one.open(path, { "grpc-encoding": encoding });
      stream.end(framed(gzipSync(empty), true));
      expect(await endOf(stream)).toMatchObject({
        grpcStatus: unimplemented,
        grpcMessage: `compressed messages are not taken here: got grpc-encoding "${encoding}", expected none or "identity"; turn the compression of this client off`,
      });
    }
    const plain = one.send(frontend.listNodes.path, empty, { "grpc-encoding": "identity" });
    const [headers] = (await once(plain, "response")) as [Record<string, string>];
    expect(headers["grpc-accept-encoding"]).toBe("identity");
    expect((await endOf(plain)).grpcStatus).toBe(ok);
  });
});

describe("a connection", () => {
  it("without a first call is ended, one that sends nothing at all too; one that has called lives on", async () => {
    await start({ firstCallMs: 400 });
    const [silent, halfOpen, refused, caller] = [client(), client(), client(), client()];
    const { hostname, port } = new URL(manager.endpoint);
    const bare = connect(Number(port), hostname);
    let bareIsClosed = false;
    bare.on("close", () => {
      bareIsClosed = true;
    });
    bare.on("error", () => undefined).resume();
    halfOpen.open("/flame.v1.Frontend/Nothing");
    await endOf(refused.send("/flame.v1.Frontend/Nothing", empty));
    await listNodes(caller);
    await waitFor(
      "the end of the silent ones",
      () => silent.closed && bareIsClosed && refused.closed,
    );
    expect(silent.goaway).toBe(constants.NGHTTP2_NO_ERROR);
    await waitFor("the end of the one with half a call", () => halfOpen.closed);
    expect((await listNodes(caller)).grpcStatus).toBe(ok);
    expect(caller.goaway).toBeUndefined();
  });

  it("that nobody uses is ended gracefully; one with a watch is in use", async () => {
    await start({ idleMs: 400 });
    const load = loader();
    await openSessions([load], "s", 1);
    await queueTasks([load], "s", { count: 1, sessions: 1 });
    const [idle, watching] = [client(), client()];
    await listNodes(idle);
    const request = frontend.watchTask.requestSerialize({ sessionId: "s-0", taskId: "1" });
    const watch = watching.send(frontend.watchTask.path, request);
    await waitFor("the end of the idle one", () => idle.closed);
    expect(idle.goaway).toBe(constants.NGHTTP2_NO_ERROR);
    expect(watching.closed).toBe(false);
    expect(watch.closed).toBe(false);
  });

  it("of a client that vanished is noticed, and its 300 watches are given back", async () => {
    await start({ silenceMs: 300, answerMs: 300 });
    const load = loader();
    await openSessions([load], "s", 1);
    await queueTasks([load], "s", { count: 1, sessions: 1 });
    const watches = async (): Promise<number> => {
      const { queues } = await load.call(admin.viewCluster, {});
      return Number(queues.find(({ name }) => name === "task watchers")?.size ?? 0);
    };
    const proxy = await blackholeProxy(Number(new URL(manager.endpoint).port));
    releases.push(() => proxy.close());
    const gone = client(`http://127.0.0.1:${proxy.port}`);
    const there = client();
    const request = frontend.watchTask.requestSerialize({ sessionId: "s-0", taskId: "1" });
    for (let n = 0; n < 300; n++) gone.send(frontend.watchTask.path, request);
    const stays = there.send(frontend.watchTask.path, request);
    await waitFor("all watches", async () => (await watches()) === 301);
    proxy.vanish();
    await waitFor("the end of its watches", async () => (await watches()) === 1);
    expect(stays.closed).toBe(false);
  });
});
