import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { ExecutorState } from "../../../src/protocol/generated/flame/v1/types.ts";
import { waitFor } from "../../support/wait-for.ts";
import { BundledServices } from "./bundled-services.ts";
import { NodeUnderTest } from "./node-under-test.ts";
import { binding, type ScriptedBackend } from "./scripted-backend.ts";
import { ScriptedWork } from "./scripted-work.ts";

const services = new BundledServices();
let node: NodeUnderTest;
let backend: ScriptedBackend;
let work: ScriptedWork;

beforeAll(async () => {
  await services.prepare();
});

afterAll(() => {
  services.remove();
});

beforeEach(() => {
  node = new NodeUnderTest();
  backend = node.backend;
  work = new ScriptedWork();
  backend.work = work;
});

afterEach(async () => {
  await node.close();
});

/** One executor in one session, until the session manager has nothing more for it. */
async function start(...tasks: string[]): Promise<void> {
  work.tasks.push(...tasks.map((task) => Buffer.from(task)));
  backend.bindings.push(binding(services.scripted()), undefined);
  await node.start();
  backend.push("exec-1");
}

const taskLog = (): string => join(node.home.logs, "executors/ssn-1/exec-1.err");

/** Resolves when the service of exec-1 sleeps for the so many-th time. */
async function asleep(times = 1): Promise<void> {
  await waitFor(`${times} tasks asleep`, () => {
    const text = existsSync(taskLog()) ? readFileSync(taskLog(), "utf8") : "";
    return text.split("falling asleep").length > times;
  });
}

describe("an executor whose session manager has the stream of work", () => {
  test("makes no call for a task, and leaves its session when it is told to", async () => {
    const tasks = Array.from({ length: 40 }, (_, i) => `echo:${i}`);
    await start(...tasks);
    await backend.called("unregisterExecutor");
    expect(work.texts).toEqual(tasks.map((task) => task.slice("echo:".length)));
    expect(backend.rpcs()).toEqual([
      "registerNode",
      "registerExecutor",
      "bindExecutor",
      "bindExecutorCompleted",
      "unbindExecutor",
      "unbindExecutorCompleted",
      "bindExecutor",
      "unregisterExecutor",
    ]);
    expect(work.messages[0]?.hello?.node).toBe("node-1");
  });

  test("gets its tasks by calls when FLAME_TASK_STREAMS is off, and does not ask for the stream", async () => {
    backend.tasks.push(Buffer.from("echo:by call"));
    backend.bindings.push(binding(services.scripted()), undefined);
    const env = { PATH: process.env["PATH"], HOME: "/nowhere", FLAME_HOME: node.home.root };
    await node.start({ env: { ...env, FLAME_TASK_STREAMS: "off" } });
    backend.push("exec-1");
    await backend.called("unregisterExecutor");
    expect(backend.rpcs()).toEqual(expect.arrayContaining(["launchTask", "completeTask"]));
    expect(work.messages).toEqual([]);
    await node.stopNode();
    const started = node.startNode({ env: { ...env, FLAME_TASK_STREAMS: "no" } });
    await expect(started).rejects.toThrow('FLAME_TASK_STREAMS: got "no", expected on or off');
  });

  test("takes more than one task ahead once its tasks are short", async () => {
    work.leaves = false;
    await start();
    await waitFor("the executor's word", () => work.credits.length > 0);
    let assigned = 0;
    const grown = (): boolean => {
      // On a machine with much else to do only some of the tasks are short.
      if (work.results.size === assigned) work.assign("exec-1", `echo:${++assigned}`);
      return Math.max(...work.credits) > 1;
    };
    expect(await waitFor("more credit", grown, { deadlineMs: 60_000 })).toBe(true);
    work.say({ leaves: [{ executorId: "exec-1" }] });
    await backend.called("unregisterExecutor");
  });

  test("shows each task to the service, and in its log, alone", async () => {
    work.leaves = false;
    await start();
    await waitFor("the executor's word", () => work.credits.length > 0);
    work.assign("exec-1", "sleep:1", "fail:it broke", "sleep:1");
    await waitFor("three results", () => work.results.size === 3);
    expect(work.texts).toEqual(["slept", "-1 it broke", "slept"]);
    // The last mark is written behind the result.
    const marks = (): string =>
      (readFileSync(taskLog(), "utf8").match(/task \d+ (begins|ends)/g) ?? []).join(",");
    await waitFor("the last mark", () => marks().endsWith("task 3 ends"), { deadlineMs: 30_000 });
    expect(marks()).toMatch(/task 1 begins,task 1 ends,.*task 3 begins,task 3 ends/);
    work.say({ leaves: [{ executorId: "exec-1" }] });
    await backend.called("unregisterExecutor");
  });

  test("gives back what waits behind a task that kills its service", async () => {
    work.leaves = false;
    await start();
    await waitFor("the executor's word", () => work.credits.length > 0);
    work.assign("exec-1", "kill:", "echo:2", "echo:3");
    await backend.called("unbindExecutorCompleted");
    expect(work.texts).toEqual([expect.stringMatching(/^18 .*SIGKILL during task 1/)]);
    expect(work.returned).toEqual(["L2", "L3"]);
    expect(work.credits.at(-1)).toBe(0);
  });

  test("finishes its task and gives back the rest when its node stops", async () => {
    work.leaves = false;
    await start();
    await waitFor("the executor's word", () => work.credits.length > 0);
    work.assign("exec-1", "sleep:300", "echo:2");
    await asleep();
    await node.stopNode();
    expect(work.texts).toEqual(["slept"]);
    expect(work.returned).toEqual(["L2"]);
    expect(backend.count("releaseNode") + backend.count("unbindExecutorCompleted")).toBeGreaterThan(
      0,
    );
  });

  test("ends its service when it is released, and says no more of its tasks", async () => {
    work.leaves = false;
    await start();
    await waitFor("the executor's word", () => work.credits.length > 0);
    work.assign("exec-1", "sleep:600000", "echo:2");
    await asleep();
    backend.push("exec-1", ExecutorState.ExecutorReleased);
    await backend.called("unregisterExecutor");
    expect(work.results.size).toBe(0);
    expect(work.returned).toEqual([]);
  });

  test("repeats a result that nobody acknowledged when the stream is back, and runs each task once", async () => {
    work.leaves = false;
    work.acknowledges = false;
    await start();
    await waitFor("the executor's word", () => work.credits.length > 0);
    work.assign("exec-1", "echo:1", "sleep:300", "echo:3");
    await asleep();
    work.acknowledges = true;
    work.break();
    await waitFor("three results", () => work.results.size === 3, { deadlineMs: 30_000 });
    expect(work.streams).toBe(2);
    expect(work.texts).toEqual(["1", "slept", "3"]);
    expect(work.completions.filter(({ lease }) => lease === "L1")).toHaveLength(2);
    expect(readFileSync(taskLog(), "utf8").match(/falling asleep/g)).toHaveLength(1);
    work.say({ leaves: [{ executorId: "exec-1" }] });
    await backend.called("unregisterExecutor");
  });

  test("fails a task whose output no message can hold", async () => {
    work.leaves = false;
    work.acknowledges = false;
    await start();
    await waitFor("the executor's word", () => work.credits.length > 0);
    work.assign("exec-1", "big:5000");
    await waitFor("a result", () => work.results.size === 1);
    work.acknowledges = true;
    work.break(status.RESOURCE_EXHAUSTED, "scripted: too large");
    await waitFor("the result again", () => work.completions.length === 2, { deadlineMs: 30_000 });
    expect(work.completions[1]).toMatchObject({
      returnCode: -1,
      message: "the output (5000 bytes) was refused: scripted: too large; use put_object",
    });
    work.say({ leaves: [{ executorId: "exec-1" }] });
    await backend.called("unregisterExecutor");
  });

  test("goes on with LaunchTask when the session manager comes back without it", async () => {
    work.leaves = false;
    backend.keepBound = true;
    await start();
    await waitFor("the executor's word", () => work.credits.length > 0);
    await backend.stop();
    backend.work = undefined;
    backend.bindings.unshift(binding(services.scripted()));
    backend.tasks.push(Buffer.from("echo:by LaunchTask"));
    await backend.start();
    await waitFor("a result", () => node.texts().length === 1, { deadlineMs: 30_000 });
    expect(node.texts()).toEqual(["by LaunchTask"]);
  });
});

test("a session manager without the stream of work is asked once on each connection", async () => {
  backend.work = undefined;
  expect(await node.runTasks(services.scripted(), "echo:1", "echo:2")).toEqual(["1", "2"]);
  expect(backend.count("launchTask")).toBe(3);
});
