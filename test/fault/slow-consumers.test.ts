import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { encodeWork } from "../../src/cli/flmping/payloads.ts";
import { FlameClient } from "../../src/client/index.ts";
import { FrontendClient } from "../../src/protocol/generated/flame/v1/frontend.ts";
import type { Task } from "../../src/protocol/generated/flame/v1/types.ts";
import { call } from "../conformance/target.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const mib = 1024 * 1024;

let cluster: TestCluster;
let client: FlameClient;

beforeEach(async () => {
  // The services that run are those of sessions.
  cluster = await startCluster({ config: { cluster: { executors: { warm: 0 } } } });
  client = new FlameClient({ endpoint: cluster.endpoint });
});

afterEach(async () => {
  client.close();
  await cluster.close();
});

/** Work of flmping that is as large as wanted: JSON may end in blanks. */
const largeWork = (bytes: number): Buffer =>
  Buffer.concat([encodeWork({ duration: 0, memory: null }), Buffer.alloc(bytes, " ")]);

/** A session whose tasks others can count on: they end, in whatever order. */
async function runTasks(count: number): Promise<string[]> {
  const session = await client.createSession({ application: "flmping" });
  const input = encodeWork({ duration: 5, memory: null });
  const ended = await Promise.all(Array.from({ length: count }, () => session.run(input)));
  await session.close();
  return ended.map(({ state }) => state);
}

describe("a client that does not read", () => {
  it("its watches and its list holds nobody up, and gets everything when it reads again", async () => {
    const slow = new FrontendClient(
      cluster.endpoint.replace("http://", ""),
      credentials.createInsecure(),
    );
    try {
      const session = { application: "flmping", minInstances: 0, batchSize: 1, priority: 0 };
      await call(slow, "createSession", { sessionId: "slow", session });
      for (let task = 0; task < 10; task++)
        await call(slow, "createTask", { task: { sessionId: "slow", input: largeWork(mib) } });
      const streams = [
        slow.listTask({ sessionId: "slow" }),
        ...Array.from({ length: 50 }, (_, n) =>
          slow.watchTask({ sessionId: "slow", taskId: String(1 + (n % 10)) }),
        ),
      ];
      for (const stream of streams) stream.on("error", () => undefined).pause();
      expect(await runTasks(50)).toEqual(Array.from({ length: 50 }, () => "Succeed"));
      const [list, watch] = streams;
      if (list === undefined || watch === undefined) throw new Error("there are 51 streams");
      expect(await everything(list)).toHaveLength(10);
      const states = (await everything(watch)).map((task) => task.status?.state);
      expect(states.at(-1)).toBe(2);
      for (const stream of streams) stream.cancel();
    } finally {
      slow.close();
    }
  });
});

function everything(stream: NodeJS.ReadableStream): Promise<Task[]> {
  return new Promise((resolve, reject) => {
    const found: Task[] = [];
    stream
      .on("data", (task: Task) => found.push(task))
      .on("end", () => resolve(found))
      .on("error", reject)
      .resume();
  });
}

describe("a service that does not read", () => {
  it("its input holds no other session up, and gets the whole of it when it reads again", async () => {
    const session = await client.createSession({ application: "flmping", minInstances: 1 });
    await session.run(encodeWork({ duration: 0, memory: null }));
    const [group = 0] = serviceGroups();
    process.kill(-group, "SIGSTOP");
    try {
      const large = await session.createTask(largeWork(3 * mib));
      await waitFor("the task with the service", async () => (await session.get()).running === 1);
      expect(await runTasks(20)).toEqual(Array.from({ length: 20 }, () => "Succeed"));
      expect((await session.getTask(large.id)).state).toBe("Running");
      process.kill(-group, "SIGCONT");
      expect((await session.finished(large.id)).state).toBe("Succeed");
    } finally {
      process.kill(-group, "SIGCONT");
    }
    await session.close();
  });
});

/** The process groups of the services that run, as the executor manager has written them down. */
function serviceGroups(): number[] {
  const folder = join(cluster.home, "run/services");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => (JSON.parse(readFileSync(join(folder, name), "utf8")) as { pid: number }).pid);
}
