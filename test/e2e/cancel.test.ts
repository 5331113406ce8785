import { writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { CancelledError, FlameClient, type Session } from "../../src/client/index.ts";
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

const resreq = { cpu: 0, memory: 1024 ** 2, gpu: 0 };
const ping = (duration: number): Buffer => Buffer.from(JSON.stringify({ duration }));
const deadlineMs = 60_000;
/** Longer than any test. */
const forever = 3_600_000;

async function running(session: Session, count: number): Promise<void> {
  const all = async (): Promise<boolean> => (await session.get()).running === count;
  await waitFor(`${count} running tasks`, all, { deadlineMs });
}

async function noExecutors(): Promise<void> {
  const none = async (): Promise<boolean> => (await client.listExecutors()).length === 0;
  await waitFor("the executors to go", none, { deadlineMs });
}

/** flmping under another name, with more in its specification. */
async function register(name: string, spec: object): Promise<void> {
  const { spec: original } = await client.getApplication("flmping");
  const file = join(cluster.home, `${name}.json`);
  writeFileSync(file, JSON.stringify({ metadata: { name }, spec: { ...original, ...spec } }));
  const registered = await cluster.run("flmctl", "register", "-f", file);
  expect(registered).toMatchObject({ code: 0, stderr: "" });
}

describe("two tasks that never end fill the cluster, until", () => {
  test("flmctl cancels one, whose place another session gets, and closes the session by force", async () => {
    const made = await cluster.python(`
import flamepy, os
from flamepy import ResourceRequirement, RunnerContext, RunnerRequest
def spin():
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True: pass
s = flamepy.create_session("flmrun", RunnerContext(execution_object=spin), resreq=ResourceRequirement(cpu=0, memory=1024 ** 2))
for _ in range(3): s.create_task(RunnerRequest())
print(s.id, flush=True)
os._exit(0)`);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const spinning = await client.openSession(made.stdout.trim());
    await running(spinning, 2);
    const refused = await cluster.run("flmctl", "close", "session", spinning.id);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`flmctl close session ${spinning.id} --force`);
    // The third waits for a place: not any more.
    const pending = await cluster.run("flmctl", "cancel", "task", spinning.id, "3");
    expect(pending.stdout).toBe(`Task <3> of session <${spinning.id}> was cancelled.\n`);
    const ended = await cluster.run("flmctl", "cancel", "task", spinning.id, "1");
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toBe(`Task <1> of session <${spinning.id}> was cancelled while it ran.\n`);
    expect((await spinning.getTask("1")).events.map(({ code }) => code)).toEqual([0, 1, 1101, 3]);
    const other = await client.createSession({ application: "flmping", resreq });
    const { state } = await other.run(ping(0));
    expect(state).toBe("Succeed");
    await other.close();
    const closed = await cluster.run("flmctl", "close", "session", spinning.id, "--force");
    expect(closed.stdout).toBe(
      `Session <${spinning.id}> was closed.\n0 pending tasks were cancelled and 1 running one was ended.\n`,
    );
    expect(await client.getSession(spinning.id)).toMatchObject({
      state: "Closed",
      failed: 2,
      cancelled: 1,
    });
    await noExecutors();
    expect((await cluster.run("flmctl", "delete", "session", spinning.id)).code).toBe(0);
  });
});

describe("a client that waits for a task which somebody cancels", () => {
  test("of ours gets a CancelledError", async () => {
    const session = await client.createSession({ application: "flmping", resreq });
    const waiting = session.invoke(ping(forever)).catch((thrown: unknown) => thrown);
    await running(session, 1);
    expect(await session.cancel("1")).toMatchObject({ ended: 1, busyNodes: [] });
    expect(await waiting).toBeInstanceOf(CancelledError);
    await session.close();
  });

  test("of ours that closes has pending tasks cancelled and waits for running ones alone", async () => {
    const { stdout, stderr } = await cluster.python(`
import flamepy, time
from concurrent.futures import CancelledError
from flamepy import ResourceRequirement, RunnerContext, RunnerRequest
def slow(number):
    import time
    time.sleep(2)
    return number
s = flamepy.create_session("flmrun", RunnerContext(execution_object=slow), resreq=ResourceRequirement(cpu=0, memory=1024 ** 2))
futures = [s.run(RunnerRequest(args=(number,))) for number in range(12)]
while not any(future.running() for future in futures): time.sleep(0.05)
began = [number for number, future in enumerate(futures) if future.running()]
s.close()
def outcome(future):
    try: return future.result(20).get()
    except CancelledError: return "cancelled"
outcomes = [outcome(future) for future in futures]
# The services do not start together, so the second task may run before the first.
ended = [number for number, outcome in enumerate(outcomes) if outcome == number]
print(set(began) <= set(ended), 1 <= len(ended) <= 4, outcomes.count("cancelled") == 12 - len(ended))`);
    expect({ stdout, stderr }).toEqual({ stdout: "True True True\n", stderr: "" });
    await noExecutors();
  });

  test("of the published Python client gets a failure that says so", async () => {
    const waiting = cluster.python(
      `
import flamepy
from flamepy.core.client import create_session
s = create_session("flmping")
try: s.invoke(b'{"duration": ${forever}}')
except Exception as e: print(type(e).__name__, e)`,
      "published",
    );
    const found = await waitFor(
      "its running task",
      async () => (await client.listSessions()).find((one) => one.running === 1),
      { deadlineMs },
    );
    await client.cancelTasks(found.id, ["1"]);
    expect((await waiting).stdout).toMatch(
      new RegExp(`^FlameError .*cancelled by ${userInfo().username} `),
    );
    await client.closeSession(found.id);
  });
});

describe("a task with a deadline", () => {
  test("has what waits and what runs ended, over a kill of the session manager", async () => {
    const session = await client.createSession({ application: "flmping", resreq, maxInstances: 1 });
    const runs = session.run(ping(forever), { timeoutMs: 8_000 });
    await running(session, 1);
    // Long before the first one, which would make room for it.
    const waits = session.run(ping(0), { timeoutMs: 2_000 });
    await waitFor("the second task", async () => (await session.get()).pending === 1);
    await cluster.daemon("flame-session-manager").restart("SIGKILL");
    const [ran, waited] = await Promise.all([runs, waits]);
    expect(ran.events.at(-1)?.message).toContain("within 8 s of its submit");
    expect(ran.events.at(-1)?.message).toContain("it ran on node");
    for (const [{ state, creationTime, completionTime }, timeoutMs] of [
      [ran, 8_000],
      [waited, 2_000],
    ] as const) {
      expect(state).toBe("Failed");
      expect(Number(completionTime) - Number(creationTime)).toBeGreaterThanOrEqual(timeoutMs - 10);
    }
    const viewed = await cluster.run("flmctl", "view", "session", session.id, "-t", ran.id);
    expect(viewed.stdout).toMatch(/^Deadline: +\d{4}-\d\d-\d\dT/m);
    await session.close();
    await noExecutors();
  });
});

describe("an application with limits", () => {
  test("has a task that runs too long failed, and its service ended", async () => {
    await register("brief", { task_timeout: 1 });
    const session = await client.createSession({ application: "brief", resreq });
    const { state, events } = await session.run(ping(forever));
    expect(state).toBe("Failed");
    expect(events.slice(-2).map(({ code }) => code)).toEqual([1102, 3]);
    expect(events.at(-1)?.message).toBe(
      "the task did not end within 1 s, the task_timeout of application brief",
    );
    await session.close();
    await noExecutors();
  });

  test("has a task failed, with the list of its attempts, whose node died under it too often", async () => {
    await register("precious", { max_lost_nodes: 2 });
    const session = await client.createSession({ application: "precious", resreq });
    const task = await session.createTask(ping(forever));
    for (let attempt = 1; attempt <= 2; attempt++) {
      await running(session, 1);
      // That it runs is written with the next commit: a crash before would take that back, and the attempt with it.
      await (await client.createSession({ application: "precious", resreq })).close();
      // A restart of the session manager meanwhile is no attempt.
      await cluster.daemon("flame-session-manager").restart("SIGKILL");
      await cluster.daemon("flame-executor-manager").restart("SIGKILL");
      await waitFor(
        `the end of attempt ${attempt}`,
        async () => {
          const { state, events } = await session.getTask(task.id);
          return state === "Failed" || events.filter(({ code }) => code === 5).length === attempt;
        },
        { deadlineMs },
      );
    }
    const { state, events } = await session.getTask(task.id);
    expect(state).toBe("Failed");
    expect(events.at(-1)?.message).toMatch(
      /came back without its executor; the task is given up: its node may be lost 2 times \(max_lost_nodes\)\. Its attempts: 1\. until .*; 2\. until /,
    );
    await session.close();
  });
});
