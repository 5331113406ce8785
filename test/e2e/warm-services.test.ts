import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { encodeWork } from "../../src/cli/flmping/payloads.ts";
import { FlameClient } from "../../src/client/index.ts";
import { processFacts } from "../../src/process/process-facts.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { processesWith, processFile } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

const patience = { deadlineMs: 120_000, intervalMs: 50 };

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

/** The groups of all services of a program that run, as the node has written them down. */
function servicesOf(program: string): number[] {
  const folder = join(cluster.home, "run/services");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => (JSON.parse(readFileSync(join(folder, name), "utf8")) as { pid: number }).pid)
    .filter((pid) => processFile(pid, "cmdline").includes(program));
}

async function nodeMetrics({ home } = cluster): Promise<string> {
  const record = readFileSync(join(home, "run/flame-executor-manager.json"), "utf8");
  return (await fetch((JSON.parse(record) as { metrics: string }).metrics)).text();
}

/** Waits until a service of the application waits for a session, and nothing else runs there. */
async function rested(application: string): Promise<void> {
  await waitFor(
    `a service of ${application} that waits`,
    async () => {
      const text = await nodeMetrics();
      const busy = /^flame_node_executors\{[^}]*\} [1-9]/m.test(text);
      return !busy && text.includes(`flame_warm_services{application="${application}"} 1\n`);
    },
    patience,
  );
}

async function taken(): Promise<number> {
  return Number(/^flame_warm_services_taken_total (\d+)$/m.exec(await nodeMetrics())?.[1] ?? "0");
}

async function pingOnce(): Promise<void> {
  const client = new FlameClient({ endpoint: cluster.endpoint });
  try {
    const session = await client.createSession({ application: "flmping" });
    const task = await session.run(encodeWork({ duration: null, memory: null }));
    expect(task.state).toBe("Succeed");
    await session.close();
  } finally {
    client.close();
  }
}

describe("services that wait for a session", () => {
  it("are those of flmping and flmrun, and take no room from executors", async () => {
    await rested("flmping");
    await rested("flmrun");
    expect(await nodeMetrics()).toMatch(
      /^flame_warm_services_memory_bytes\{application="flmrun"\} [1-9]\d{6,}$/m,
    );
    const { stdout } = await cluster.run("flmctl", "list", "executor");
    expect(stdout).not.toContain("Idle");
  });

  it("serve one session each, and a fresh one takes the place", async () => {
    await rested("flmping");
    const [first] = servicesOf("flmping-service");
    const before = await taken();
    await pingOnce();
    expect(await taken()).toBe(before + 1);
    await rested("flmping");
    const [second, ...rest] = servicesOf("flmping-service");
    expect([rest, second === first]).toEqual([[], false]);
    expect(processFacts(first ?? 0)).toBeUndefined();
  });

  it("run Python calls, whose process is another one in each session", async () => {
    await rested("flmrun");
    const before = await taken();
    const source = `
import os, flamepy
def who() -> int:
    return os.getpid()
for _ in range(2):
    with flamepy.create_session("flmrun", flamepy.RunnerContext(execution_object=who)) as ssn:
        print(ssn.invoke(flamepy.RunnerRequest()).get(), ssn.invoke(flamepy.RunnerRequest()).get())
`;
    const { stdout, code } = await cluster.python(source);
    expect(code).toBe(0);
    const pids = stdout.trim().split(/\s+/);
    expect([pids[0] === pids[1], pids[2] === pids[3], pids[0] === pids[2]]).toEqual([
      true,
      true,
      false,
    ]);
    expect(await taken()).toBeGreaterThan(before);
  });

  it("are replaced when they die, and when their application is edited", async () => {
    await rested("flmping");
    const [first = 0] = servicesOf("flmping-service");
    process.kill(first, "SIGKILL");
    await waitFor("its end", () => processFacts(first) === undefined, patience);
    await rested("flmping");
    const [second = 0] = servicesOf("flmping-service");
    expect(second).not.toBe(first);
    await pingOnce();

    await rested("flmping");
    const [third = 0] = servicesOf("flmping-service");
    const file = `${cluster.home}/edited.yaml`;
    const { stdout } = await cluster.run("flmctl", "view", "app", "flmping", "-o", "yaml");
    writeFileSync(file, stdout.replace(/^spec:$/m, "spec:\n  environments: {EDITED: 'yes'}"));
    const applied = await cluster.run("flmctl", "apply", "-f", file);
    expect(applied).toMatchObject({ code: 0 });
    await waitFor("its end", () => processFacts(third) === undefined, patience);
    await rested("flmping");
    const [fourth = 0] = servicesOf("flmping-service");
    expect(processesWith("environ", "EDITED=yes\0")).toContain(fourth);
    await pingOnce();
  });

  it("stay over a restart of the session manager, and end with their node", async () => {
    await rested("flmping");
    const before = servicesOf("flmping-service");
    await cluster.daemon("flame-session-manager").restart("SIGKILL");
    await pingOnce();
    await rested("flmping");
    await rested("flmrun");
    expect(before).toHaveLength(1);
    const node = cluster.daemon("flame-executor-manager");
    const services = () => processesWith("environ", `FLAME_INSTANCE_ENDPOINT=${cluster.home}/`);
    expect(services().length).toBeGreaterThan(1);
    await node.stop();
    expect(services()).toEqual([]);
    await node.start();
    await rested("flmping");
    expect(services().length).toBeGreaterThan(0);
    await node.kill();
    await waitFor("the end of the services", () => services().length === 0, patience);
    await node.start();
    await pingOnce();
  });
});

describe("a node whose tasks come by calls", () => {
  it("keeps no services started", async () => {
    const other = await startCluster({ env: { FLAME_TASK_STREAMS: "off" } });
    try {
      const { code } = await other.run("flmping", "-t", "3");
      expect(code).toBe(0);
      const text = await nodeMetrics(other);
      expect(text).not.toContain("flame_warm_services{");
      expect(text).toContain("flame_warm_services_taken_total 0\n");
    } finally {
      await other.close();
    }
  });
});
