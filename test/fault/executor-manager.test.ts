import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { groupMembers } from "../../src/process/process-facts.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

jest.setTimeout(90_000);

let cluster: TestCluster;

beforeEach(async () => {
  // The services that run are those of sessions.
  cluster = await startCluster({ config: { cluster: { executors: { warm: 0 } } } });
});

afterEach(async () => {
  await cluster.close();
});

/** The process groups of the services that run, as the executor manager has written them down. */
function serviceGroups(): number[] {
  const folder = join(cluster.home, "run/services");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => (JSON.parse(readFileSync(join(folder, name), "utf8")) as { pid: number }).pid);
}

const members = (groups: readonly number[]) => groups.flatMap((group) => groupMembers(group));

/** A client that runs one slow task and prints its result. */
const slowTask = (seconds: number) => `
import time, flamepy
from flamepy import RunnerContext, RunnerRequest

def slow(seconds):
    import time
    time.sleep(seconds)
    return "done"

ssn = flamepy.create_session("flmrun", RunnerContext(execution_object=slow))
print(ssn.invoke(RunnerRequest(args=(${seconds},))).get())
ssn.close()
`;

async function runningService(): Promise<number[]> {
  // uv leads the group, Python is its member.
  return waitFor("a running service", () => {
    const groups = serviceGroups();
    return groups.length > 0 && members(groups).length >= 2 ? groups : undefined;
  });
}

describe("kill -9 of the executor manager", () => {
  test("takes every service along, whole groups, at once", async () => {
    const client = cluster.python(slowTask(2));
    const groups = await runningService();
    await cluster.daemon("flame-executor-manager").kill();
    await waitFor("every member to be gone", () => members(groups).length === 0);
    await cluster.daemon("flame-executor-manager").start();
    // The node registers without its executor: the task runs again, on another one.
    expect((await client).stdout).toBe("done\n");
  });
});

describe("a stop of the executor manager", () => {
  test("lets a running task end, delivers it and leaves no process behind", async () => {
    const client = cluster.python(slowTask(1));
    const groups = await runningService();
    expect(await cluster.daemon("flame-executor-manager").stop()).toBe(0);
    expect(members(groups)).toEqual([]);
    expect(readdirSync(join(cluster.home, "run"))).not.toContain("flame-executor-manager.json");
    await cluster.daemon("flame-executor-manager").start();
    expect((await client).stdout).toBe("done\n");
  });
});

describe("kill -9 of the session manager", () => {
  test("while a task runs neither ends nor repeats it", async () => {
    const client = cluster.python(slowTask(2));
    const groups = await runningService();
    await cluster.daemon("flame-session-manager").kill();
    await cluster.daemon("flame-session-manager").start();
    const { stdout, stderr } = await client;
    expect({ stdout, stderr }).toEqual({ stdout: "done\n", stderr: expect.any(String) });
    expect(serviceGroups().every((group) => groups.includes(group))).toBe(true);
  });
});
