import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import {
  groupMembers,
  isSameProcessAlive,
  processFacts,
} from "../../../src/process/process-facts.ts";
import { waitFor } from "../../support/wait-for.ts";
import { BundledServices } from "./bundled-services.ts";
import { NodeUnderTest } from "./node-under-test.ts";
import { binding, type ScriptedBackend } from "./scripted-backend.ts";
import { ScriptedWork } from "./scripted-work.ts";

type Spec = Parameters<typeof binding>[0];

const services = new BundledServices();
const patient = { deadlineMs: 60_000 };
let node: NodeUnderTest;
let backend: ScriptedBackend;
let work: ScriptedWork;
let registry: Registry;

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
  work.leaves = false;
  backend.work = work;
  registry = new Registry();
});

afterEach(async () => {
  await node.close();
});

async function start(spec: Spec, count = 1, options: { warmMax?: number } = {}): Promise<void> {
  work.keepWarm(spec ?? {}, count);
  await node.start({ registry, serviceStartTimeoutMs: 60_000, ...options });
}

async function metric(name: string): Promise<number> {
  const { values } = (await registry.getSingleMetric(name)?.get()) ?? { values: [] };
  return values.reduce((sum, { value }) => sum + value, 0);
}

/** Waits until so many services wait for a session. @returns the ids of all that run */
async function waiting(count: number): Promise<number[]> {
  const enough = async () => (await metric("flame_warm_services")) === count;
  await waitFor(`${count} services that wait`, enough, patient);
  return node.servicePids();
}

/** An executor gets a session of `spec`, and runs a task. @returns what the service answered */
async function inSession(executorId: string, spec: Spec, task: string): Promise<string> {
  backend.bindings.push(binding(spec));
  backend.push(executorId);
  const before = work.results.size;
  const bound = () =>
    work.messages.some(({ ready }) => ready.some((one) => one.executorId === executorId));
  await waitFor(`${executorId} to be bound`, bound, patient);
  work.assign(executorId, task);
  await waitFor("the result", () => work.results.size > before, patient);
  return work.texts.at(-1) ?? "";
}

const gone = (pid: number): Promise<unknown> =>
  waitFor(`the end of ${pid}`, () => !processFacts(pid), patient);

describe("warm services", () => {
  test("are kept started, as many as are wanted and the node keeps, and take what is told", async () => {
    await start(services.scripted(), 3, { warmMax: 2 });
    const pids = await waiting(2);
    expect(pids).toHaveLength(2);
    expect(work.messages[0]?.hello?.warm).toBe(2);
    expect(await metric("flame_warm_services_memory_bytes")).toBeGreaterThan(2 * 20 * 1024 ** 2);
    expect(await metric("flame_warm_services_taken_total")).toBe(0);
    expect(backend.registrations[0]?.executors).toEqual([]);
  });

  test("are given to one session each, with its folder of logs; another one takes the place", async () => {
    await start(services.scripted());
    const [first] = await waiting(1);
    expect(await inSession("exec-1", services.scripted(), "note:for one session")).toBe("(none)");
    expect(await metric("flame_warm_services_taken_total")).toBe(1);
    expect(node.servicePids()).toContain(first);
    const log = join(node.home.logs, "executors/ssn-1/exec-1.err");
    const said = () => readFileSync(log, "utf8").includes("for one session\n");
    await waitFor("what it said", said, patient);
    expect(readFileSync(log, "utf8")).toMatch(
      /^### .* session ssn-1: service of application app begins\n/,
    );
    const both = await waiting(1);
    expect(both).toHaveLength(2);
    const second = both.find((pid) => pid !== first);

    work.say({ leaves: [{ executorId: "exec-1" }] });
    await backend.called("unbindExecutorCompleted");
    // Served its session: it has ended, and its folder and sockets with it.
    expect(groupMembers(first ?? 0)).toEqual([]);
    expect(node.servicePids()).toEqual([second]);
    expect(readdirSync(join(node.home.run, "executors"))).toHaveLength(1);
    expect(readdirSync(join(node.home.run, "sockets"))).toEqual([]);
  });

  test("have the environment, the folder and the context that a service has which a session starts", async () => {
    const spec = { ...services.scripted(), environments: [{ name: "OWN", value: "mine" }] };
    await start(spec);
    await waiting(1);
    expect(await inSession("exec-1", spec, "env:OWN")).toBe("mine");
    expect(await metric("flame_warm_services_taken_total")).toBe(1);
    work.assign("exec-1", "context:", "cwd:", "env:TMPDIR");
    await waitFor("the results", () => work.results.size === 4, patient);
    const [context, folder, temporary] = work.texts.slice(1);
    expect(JSON.parse(context ?? "")).toMatchObject({
      sessionId: "ssn-1",
      application: { name: "app" },
    });
    expect([folder, existsSync(temporary ?? "")]).toEqual([
      expect.stringContaining(join(node.home.run, "executors")),
      true,
    ]);
  });

  test("are left alone by a session whose service would be another one", async () => {
    await start(services.scripted());
    const [first] = await waiting(1);
    const other = { ...services.scripted(), environments: [{ name: "OWN", value: "mine" }] };
    expect(await inSession("exec-1", other, "env:OWN")).toBe("mine");
    expect(await metric("flame_warm_services_taken_total")).toBe(0);
    expect(await waiting(1)).toContain(first);
  });

  test("are waited for by a session that comes while one is being started", async () => {
    const spec = services.scripted("listen-waits");
    await start(spec);
    const first = await node.firstService();
    backend.bindings.push(binding(spec));
    backend.push("exec-1");
    await backend.called("bindExecutor");
    expect(await metric("flame_warm_services")).toBe(0);
    writeFileSync(join(node.home.root, "listen"), "");
    await waitFor("the bind", () => node.bindResults().length === 1, patient);
    work.assign("exec-1", "pid:");
    await waitFor("the result", () => work.results.size === 1, patient);
    expect(work.texts).toEqual([String(first)]);
    expect(await waiting(1)).toHaveLength(2);
  });

  test("that die are replaced, and cost no task an attempt", async () => {
    await start(services.scripted());
    const [first = 0] = await waiting(1);
    process.kill(first, "SIGKILL");
    await gone(first);
    const [second] = await waiting(1);
    expect(second).not.toBe(first);
    expect(await inSession("exec-1", services.scripted(), "echo:1")).toBe("1");
    expect(node.bindResults()).toEqual([expect.objectContaining({ returnCode: 0 })]);
    expect(node.logLines.filter((line) => line.startsWith("warn"))).toEqual([
      expect.stringContaining("ended with signal SIGKILL"),
    ]);
  });

  test("that do not enter a session since they have died are not the session's: it starts its own", async () => {
    const spec = services.scripted("enter-exits");
    await start(spec);
    await waiting(1);
    backend.bindings.push(binding(spec), undefined);
    backend.push("exec-1");
    await waitFor("the bind", () => node.bindResults().length === 1, patient);
    // So does the one that it starts itself, and that is told.
    expect(node.bindResults()[0]).toMatchObject({
      returnCode: 12,
      message: expect.stringContaining("ended with exit code 9"),
    });
    expect(node.logLines.join("\n")).not.toContain("was to wait for a session");
  });

  test("that cannot start are tried again, each time later, and sessions say why they fail themselves", async () => {
    await start(services.scripted("exit-at-once"));
    const tries = () => node.logLines.filter((line) => line.includes("was to wait for a session"));
    await waitFor("two tries", () => tries().length === 2, patient);
    expect(tries().map((line) => /"pauseMs":(\d+)/.exec(line)?.[1])).toEqual(["1000", "2000"]);
    expect(tries()[0]).toContain("cannot go on");
    expect(await metric("flame_warm_services")).toBe(0);
  });

  test("are replaced when the application is edited, and stay when only its revision changes", async () => {
    await start(services.scripted());
    const [first = 0] = await waiting(1);
    work.keepWarm(services.scripted(), 1, 2);
    work.keepWarm(services.scripted("ahead"), 1, 3);
    await gone(first);
    const [second = 0] = await waiting(1);
    work.keepWarm(services.scripted("ahead"), 1, 4);
    expect(await inSession("exec-1", services.scripted("ahead"), "echo:1")).toBe("1");
    expect(isSameProcessAlive(second, processFacts(second)?.startTime ?? 0)).toBe(true);
    expect(await metric("flame_warm_services_taken_total")).toBe(1);
  });

  test("are replaced when their package changes behind its url", async () => {
    const folder = join(node.home.root, "package");
    mkdirSync(folder);
    const spec = { ...services.scripted(), url: `file://${folder}`, installer: "binary" };
    writeFileSync(join(folder, "version"), "one");
    await start(spec);
    const [first = 0] = await waiting(1);
    writeFileSync(join(folder, "version"), "two");
    const installed = await inSession("exec-1", spec, "env:FLAME_APP_DIR");
    expect(readFileSync(join(installed, "version"), "utf8")).toBe("two");
    expect(await metric("flame_warm_services_taken_total")).toBe(0);
    await gone(first);
    await waiting(1);
    expect(await inSession("exec-2", spec, "env:FLAME_APP_DIR")).toBe(installed);
    expect(await metric("flame_warm_services_taken_total")).toBe(1);
  });

  test("go when the session manager wants none any more, and when one without them takes over", async () => {
    await start(services.scripted(), 2);
    for (const pid of await waiting(2)) expect(processFacts(pid)).toBeDefined();
    work.keepWarm(services.scripted(), 1);
    const [left = 0] = await waitFor(
      "one",
      () => node.servicePids().length === 1 && node.servicePids(),
      patient,
    );
    work.warm = undefined;
    work.break();
    await waitFor("a new stream", () => work.streams === 2, patient);
    expect(processFacts(left)).toBeDefined();
    work.say({ leaves: [{ executorId: "nobody" }] });
    await gone(left);
    await waitFor("no records", () => node.servicePids().length === 0, patient);
  });

  test("stay over a break of the stream", async () => {
    await start(services.scripted());
    const pids = await waiting(1);
    work.break();
    await waitFor("a new stream", () => work.streams === 2, patient);
    expect(await inSession("exec-1", services.scripted(), "echo:1")).toBe("1");
    expect(node.servicePids()).toContain(pids[0]);
    expect(await metric("flame_warm_services_taken_total")).toBe(1);
  });

  test("end with their node, and leave nothing behind", async () => {
    await start(services.scripted("ignore-term"), 2);
    const pids = await waiting(2);
    await node.stopNode();
    for (const pid of pids) expect(groupMembers(pid)).toEqual([]);
    for (const folder of ["executors", "sockets", "services"])
      expect(readdirSync(join(node.home.run, folder))).toEqual([]);
  });

  test("that are being started end with their node, too", async () => {
    await start(services.scripted("never-listen"));
    const pid = await node.firstService();
    await node.stopNode();
    expect(groupMembers(pid)).toEqual([]);
    expect(readdirSync(join(node.home.run, "services"))).toEqual([]);
  });

  test("end first when the node drains, while the task that runs goes on", async () => {
    await start(services.scripted());
    const [taken] = await waiting(1);
    backend.bindings.push(binding(services.scripted()), undefined);
    backend.push("exec-1");
    await waitFor("the bind", () => node.bindResults().length === 1, patient);
    const fresh = (await waiting(1)).find((pid) => pid !== taken) ?? 0;
    work.assign("exec-1", "sleep:1000");
    await node.asleep();
    const stopped = node.stopNode();
    await gone(fresh);
    expect(work.results.size).toBe(0);
    await stopped;
    expect(work.texts).toEqual(["slept"]);
  });

  test("are none where the node keeps none", async () => {
    await start(services.scripted(), 1, { warmMax: 0 });
    expect(await inSession("exec-1", services.scripted(), "echo:1")).toBe("1");
    expect(work.messages[0]?.hello?.warm).toBe(0);
    expect(node.servicePids()).toHaveLength(1);
    expect(await metric("flame_warm_services_taken_total")).toBe(0);
  });
});
