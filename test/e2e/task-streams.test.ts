import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { encodeWork } from "../../src/cli/flmping/payloads.ts";
import { FlameClient, type TaskEnd } from "../../src/client/index.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const patience = { deadlineMs: 120_000, intervalMs: 50 };
const work = (duration: number): Buffer => encodeWork({ duration, memory: null });

/** Clients that submit by streams against real processes. */
let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

async function withClient<T>(action: (client: FlameClient) => Promise<T>): Promise<T> {
  const client = new FlameClient({ endpoint: cluster.endpoint });
  try {
    return await action(client);
  } finally {
    client.close();
  }
}

describe("tasks by streams", () => {
  it("are each run for one submit, and told once, across kill -9 of the session manager", async () => {
    await withClient(async (client) => {
      const session = await client.createSession({ application: "flmping" });
      const ends = new Map<number, TaskEnd>();
      let again = 0;
      const over = session.runMany(Array<Buffer>(5_000).fill(work(0)), (index, end) => {
        if (ends.has(index)) again++;
        ends.set(index, end);
      });
      const manager = cluster.daemon("flame-session-manager");
      // In the middle of the submits, and in the middle of the results.
      for (const reached of [1, 1_500]) {
        await waitFor(`${reached} results`, () => ends.size >= reached, patience);
        await manager.kill();
        await manager.start();
      }
      await over;
      expect([ends.size, again]).toEqual([5_000, 0]);
      const ids = new Set<string>();
      for (const end of ends.values()) {
        expect(end).toMatchObject({ kind: "finished", task: { state: "Succeed" } });
        if (end.kind === "finished") ids.add(end.task.id);
      }
      expect(ids.size).toBe(5_000);
      const closed = await session.close();
      expect(closed).toMatchObject({ pending: 0, running: 0, succeed: 5_000, failed: 0 });
    });
  });

  it("of two clients go side by side", async () => {
    await withClient((large) =>
      withClient(async (small) => {
        const [many, few] = [
          await large.createSession({ application: "flmping" }),
          await small.createSession({ application: "flmping" }),
        ];
        let told = 0;
        const over = many.runMany(Array<Buffer>(4_000).fill(work(2)), () => {
          told++;
        });
        await waitFor("a result", () => told > 0, patience);
        for (let task = 0; task < 20; task++)
          expect((await few.run(work(2))).state).toBe("Succeed");
        expect(told).toBeLessThan(4_000);
        await over;
        expect(told).toBe(4_000);
        await few.close();
        await many.close();
      }),
    );
  });

  it("share a session with a published client", async () => {
    await withClient(async (client) => {
      const session = await client.createSession({ application: "flmping" }, "streams-mixed");
      const states: string[] = [];
      const over = session.runMany(Array<Buffer>(500).fill(work(1)), (_, end) => {
        states.push(end.kind === "finished" ? end.task.state : end.kind);
      });
      const source = `
import flamepy
assert flamepy.__version__ == "0.6.0"
session = flamepy.open_session("streams-mixed")
print(sum(session.invoke(b"{}") is not None for _ in range(20)))`;
      const { code, stdout, stderr } = await cluster.python(source, "published");
      expect([code, stdout.trim(), stderr]).toEqual([0, "20", ""]);
      await over;
      expect(states).toEqual(Array(500).fill("Succeed"));
      expect((await session.close()).succeed).toBe(520);
    });
  });

  it("all come to a reader that is slower than the cluster", async () => {
    await withClient(async (client) => {
      const session = await client.createSession({ application: "flmping" });
      let told = 0;
      const over = session.runMany(Array<Buffer>(6_000).fill(work(0)), () => {
        told++;
        const until = performance.now() + 1;
        while (performance.now() < until);
      });
      await over;
      expect(told).toBe(6_000);
      expect((await session.close()).succeed).toBe(6_000);
    });
  });
});
