import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameClient, type Task } from "../../src/client/index.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { recorded, recorderFile, recorderManifest } from "../support/recorder.ts";
import { waitFor } from "../support/wait-for.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

async function register(name: string, spec: Record<string, unknown> = {}): Promise<string> {
  const file = recorderFile(cluster.home, name);
  const manifest = join(cluster.home, `${name}.yaml`);
  writeFileSync(manifest, recorderManifest(name, file, spec));
  expect(await cluster.run("flmctl", "register", "-f", manifest)).toMatchObject({
    code: 0,
    stderr: "",
  });
  return file;
}

/** Each acknowledged task has one event of its end, and the session counts what its tasks say. */
async function expectEndedOnce(sessionId: string, taskIds: readonly string[]): Promise<void> {
  const client = new FlameClient({ endpoint: cluster.endpoint });
  try {
    const tasks = new Map<string, Task>();
    for await (const task of client.listTasks(sessionId)) tasks.set(task.id, task);
    for (const id of taskIds) {
      expect(tasks.get(id)?.state).toBe("Succeed");
      expect(tasks.get(id)?.events.filter(({ code }) => code === 2 || code === 3)).toHaveLength(1);
    }
    const session = await client.getSession(sessionId);
    const { pending, running, succeed, failed, cancelled } = session;
    const ended = [...tasks.values()].filter((task) => task.state === "Succeed").length;
    expect({ pending, running, failed, succeed }).toEqual({
      pending: 0,
      running: 0,
      failed: 0,
      succeed: ended,
    });
    expect(succeed + cancelled).toBe(tasks.size);
  } finally {
    client.close();
  }
}

describe("kill -9 of the session manager", () => {
  it("in the middle of flmping -t 1000 loses no acknowledged task, and the client prints its rows", async () => {
    const manager = cluster.daemon("flame-session-manager");
    const run = cluster.run("flmping", "-t", "1000", "-d", "2");
    await waitFor("some tasks done, others not", async () => {
      const { stdout } = await cluster.run("flmctl", "list", "-s");
      const [, pending = 0, succeed = 0] =
        / (\d+) +\d+ +(\d+) +\d+ +\d\d:/.exec(stdout)?.map(Number) ?? [];
      return pending > 10 && succeed > 10;
    });
    await manager.kill();
    await manager.start();
    const { code, stdout, stderr } = await run;
    expect(code).toBe(0);
    const rows = stdout.split("\n").filter((line) => line.startsWith(" flmping-"));
    expect(rows).toHaveLength(1000);
    const acknowledged = rows.flatMap(
      (row) => /^ flmping-\w+ +(\d+) +Succeed /.exec(row)?.[1] ?? [],
    );
    const lost = rows.filter((row) => row.includes("not acknowledged"));
    expect(acknowledged.length + lost.length).toBe(1000);
    expect(
      lost.length === 0 ? "" : `Warning: ${lost.length} of 1,000 tasks were not acknowledged`,
    ).toBe(/^Warning: \d+ of 1,000 tasks were not acknowledged/.exec(stderr)?.[0] ?? "");
    await expectEndedOnce(rows[0]?.split(" ")[1] ?? "", acknowledged);
  });

  it("re-runs nothing that a live executor holds", async () => {
    const file = await register("recorder-held");
    const client = new FlameClient({ endpoint: cluster.endpoint });
    try {
      const session = await client.createSession({ application: "recorder-held" });
      const tasks = [0, 1, 2, 3].map(() =>
        session.run(Buffer.from(JSON.stringify({ sleep: 1.5 }))),
      );
      await waitFor(
        "both executors busy",
        () => recorded(file).filter((one) => one.call === "invoke").length === 2,
      );
      await cluster.daemon("flame-session-manager").kill();
      await cluster.daemon("flame-session-manager").start();
      const ended = await Promise.all(tasks);
      expect(ended.map((task) => task.state)).toEqual(["Succeed", "Succeed", "Succeed", "Succeed"]);
      const invoked = recorded(file)
        .filter((one) => one.call === "invoke")
        .map((one) => one.task);
      expect(invoked.sort()).toEqual(["1", "2", "3", "4"]);
      await session.close();
    } finally {
      client.close();
    }
  });
});
