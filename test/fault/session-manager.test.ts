import { credentials, type ServiceError } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FrontendClient } from "../../src/protocol/generated/flame/v1/frontend.ts";
import { call } from "../conformance/target.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

const unavailable = 14;

let cluster: TestCluster;
let frontend: FrontendClient;

beforeEach(async () => {
  cluster = await startCluster({ daemons: ["flame-session-manager"] });
  frontend = new FrontendClient(
    cluster.endpoint.replace("http://", ""),
    credentials.createInsecure(),
  );
});

afterEach(async () => {
  frontend.close();
  await cluster.close();
});

describe("a stop of the session manager", () => {
  it("tells its watchers to come back, ends with exit code 0, and keeps what it acknowledged", async () => {
    const session = { application: "flmping", minInstances: 0, batchSize: 1, priority: 0 };
    await call(frontend, "createSession", { sessionId: "s", session });
    await call(frontend, "createTask", { task: { sessionId: "s", input: Buffer.from("{}") } });
    const watch = frontend.watchTask({ sessionId: "s", taskId: "1" });
    const ended = new Promise<ServiceError>((resolve) => watch.once("error", resolve));
    // The watch is known to the server once a later call of the same connection is answered.
    await call(frontend, "getSession", { sessionId: "s" });
    expect(await cluster.daemon("flame-session-manager").stop()).toBe(0);
    expect((await ended).code).toBe(unavailable);
    await cluster.daemon("flame-session-manager").start();
    const again = await call(frontend, "getSession", { sessionId: "s" });
    expect(again.status).toMatchObject({ state: 0, pending: 1 });
  });

  it("does not wait for clients that never read", async () => {
    const session = { application: "flmping", minInstances: 0, batchSize: 1, priority: 0 };
    await call(frontend, "createSession", { sessionId: "s", session });
    const input = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 40; i++)
      await call(frontend, "createTask", { task: { sessionId: "s", input } });
    const list = frontend.listTask({ sessionId: "s" });
    list.on("error", () => undefined);
    list.pause();
    expect(await cluster.daemon("flame-session-manager").stop()).toBe(0);
    list.cancel();
  });
});
