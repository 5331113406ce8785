import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { FlameClient, type Session } from "../../src/client/index.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

let cluster: TestCluster;
let client: FlameClient;
beforeAll(async () => {
  cluster = await startCluster({ config: { cluster: { limits: { max_executors: 2 } } } });
  client = new FlameClient({ endpoint: cluster.endpoint });
});
afterAll(async () => {
  client.close();
  await cluster.close();
});

const spec = { application: "flmping", resreq: { cpu: 0, memory: 1024 ** 2, gpu: 0 } };
const ping = (duration: number): Buffer => Buffer.from(JSON.stringify({ duration }));
const serving = async (session: Session): Promise<number> =>
  (await client.listExecutors()).filter(({ sessionId }) => sessionId === session.id).length;

describe("two executors on the node, and both serve one session", () => {
  test("that has nothing to do: another one gets what it needs long before delay_release", async () => {
    const first = await client.createSession(spec);
    const before = await Promise.all([1, 2].map(() => first.run(ping(300))));
    expect(before.map(({ state }) => state)).toEqual(["Succeed", "Succeed"]);
    expect(await serving(first)).toBe(2);
    const second = await client.createSession(spec);
    const { id } = await second.createTask(ping(0));
    // The first keeps what waits for 60 s otherwise.
    const deadlineMs = 30_000;
    const ended = async (): Promise<boolean> => (await second.getTask(id)).state === "Succeed";
    await waitFor("the task of the second", ended, { deadlineMs });
    // What was not needed stays, warm.
    expect([await serving(first), await serving(second)]).toEqual([1, 1]);
    await Promise.all([first.close(), second.close()]);
    await waitFor(
      "both to leave",
      async () => (await serving(first)) + (await serving(second)) === 0,
    );
  });

  test("that has a long queue: another one gets half, between two tasks, and none is run twice", async () => {
    const first = await client.createSession(spec);
    const long = Array.from({ length: 60 }, () => first.run(ping(100)));
    await waitFor("the first to have both", async () => (await serving(first)) === 2);
    const second = await client.createSession(spec);
    const task = await second.run(ping(0));
    expect(task.state).toBe("Succeed");
    const { pending } = await client.getSession(first.id);
    expect(pending).toBeGreaterThan(0);
    await second.close();
    const ended = await Promise.all(long);
    expect(ended.map(({ state }) => state)).toEqual(long.map(() => "Succeed"));
    for (const { id } of ended) {
      const { events } = await client.getTask(first.id, id);
      expect(events.map(({ code }) => code)).toEqual([0, 1, 2]);
    }
    await first.close();
  });
});
