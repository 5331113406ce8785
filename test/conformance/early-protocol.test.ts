import { credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { status } from "./target.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ daemons: ["flame-session-manager"] });
});
afterAll(() => cluster.close());

it.each(["CreateSession", "WatchTask", "ListApplication"])(
  "a client of flamepy 0.3.0 that calls %s is told which version it needs",
  async (name) => {
    const bytes = (message: Buffer): Buffer => message;
    const Early = makeGenericClientConstructor({}, "flame.Frontend");
    const client = new Early(cluster.endpoint.replace("http://", ""), credentials.createInsecure());
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(`/flame.Frontend/${name}`, bytes, bytes, Buffer.alloc(0), resolve);
    });
    client.close();
    expect(error?.code).toBe(status.unimplemented);
    expect(error?.details).toContain("install flamepy>=0.6");
  },
);
