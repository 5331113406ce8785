import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { systemClock } from "../../../src/kit/clock.ts";
import { groupMembers } from "../../../src/process/process-facts.ts";
import { waitFor } from "../../support/wait-for.ts";
import { BundledServices } from "./bundled-services.ts";
import { NodeUnderTest } from "./node-under-test.ts";
import { binding, type ScriptedBackend } from "./scripted-backend.ts";

const services = new BundledServices();
let node: NodeUnderTest;
let backend: ScriptedBackend;

beforeAll(async () => {
  await services.prepare();
});

afterAll(() => {
  services.remove();
});

beforeEach(() => {
  node = new NodeUnderTest();
  backend = node.backend;
});

afterEach(async () => {
  await node.close();
});

describe("the life of an executor", () => {
  test("makes exactly the calls of the contract, in their order", async () => {
    expect(await node.runTasks(services.scripted(), "echo:1", "echo:2")).toEqual(["1", "2"]);
    expect(backend.rpcs()).toEqual([
      "registerNode",
      "registerExecutor",
      "bindExecutor",
      "bindExecutorCompleted",
      "launchTask",
      "completeTask",
      "launchTask",
      "completeTask",
      "launchTask",
      "unbindExecutor",
      "unbindExecutorCompleted",
      "bindExecutor",
      "unregisterExecutor",
    ]);
    expect(backend.requests("registerExecutor")).toEqual([
      {
        executorId: "exec-1",
        executorSpec: { node: "node", resreq: { cpu: 1n, memory: 1n, gpu: 0 }, shim: 0 },
      },
    ]);
    expect(readdirSync(join(node.home.run, "executors"))).toEqual([]);
    expect(readdirSync(join(node.home.run, "sockets"))).toEqual([]);
    expect(readdirSync(join(node.home.run, "services"))).toEqual([]);
    expect(readdirSync(join(node.home.logs, "executors/ssn-1")).sort()).toEqual([
      "exec-1.err",
      "exec-1.out",
    ]);
  });

  test("serves flmping with the output of the contract", async () => {
    const spec = services.flmping();
    const [first, second, third] = await node.runTasks(
      spec,
      "",
      '{"duration":5,"memory":1048576}',
      '{"duration":-1}',
    );
    expect(JSON.parse(first ?? "")).toEqual({
      message: expect.stringMatching(/^Completed on <.+> in <0> milliseconds with <0> memory$/),
    });
    expect(second).toMatch(/in <5> milliseconds with <1048576> memory/);
    expect(third).toBe(
      '-1 invalid flmping input: duration is -1, expected JSON such as {"duration": 100, "memory": 1048576} (milliseconds, bytes)',
    );
  });

  test("keeps absent and empty apart, and sends -1 for every failure of the service itself", async () => {
    expect(await node.runTasks(services.scripted(), "none", "echo:", "fail:it broke")).toEqual([
      "(none)",
      "",
      "-1 it broke",
    ]);
    expect(backend.results[1]?.output).toEqual(Buffer.alloc(0));
  });

  test("gives the service the application as registered, and absent fields stay absent", async () => {
    const [seen] = await node.runTasks(
      { ...services.scripted(), image: "img", url: "file:///dev/null" },
      "context",
    );
    const context = JSON.parse(seen ?? "") as { application: object };
    expect(context).toMatchObject({ sessionId: "ssn-1" });
    expect(context.application).toEqual({
      name: "app",
      shim: 0,
      image: "img",
      command: process.execPath,
      url: "file:///dev/null",
    });
  });

  test("gives the service the environment of the contract and nothing else of the node", async () => {
    const spec = {
      ...services.scripted(),
      environments: [
        { name: "MINE", value: "${FLAME_HOME}/x" },
        { name: "ODD", value: "${NOT_SET}/${FLAME_HOME}" },
        { name: "FLAME_LOG", value: "trace" },
      ],
    };
    const names = [
      "MINE",
      "ODD",
      "FLAME_LOG",
      "EXTRA",
      "SECRET",
      "HOME",
      "FLAME_INSTANCE_ENDPOINT",
      "FLAME_ENDPOINT",
      "FLAME_CACHE_ENDPOINT",
      "TMPDIR",
    ];
    const values = await node.runTasks(spec, ...names.map((name) => `env:${name}`), "cwd:");
    expect(Object.fromEntries([...names, "cwd"].map((name, i) => [name, values[i]]))).toEqual({
      MINE: `${node.home.root}/x`,
      ODD: "${NOT_SET}/${FLAME_HOME}",
      FLAME_LOG: "info",
      EXTRA: "1",
      SECRET: "(unset)",
      HOME: "/nowhere",
      FLAME_INSTANCE_ENDPOINT: join(node.home.run, "sockets/exec-1.sock"),
      FLAME_ENDPOINT: `http://127.0.0.1:${backend.port}`,
      FLAME_CACHE_ENDPOINT: "grpc://127.0.0.1:9090",
      TMPDIR: join(node.home.run, "executors/exec-1/work/app/tmp"),
      cwd: join(node.home.run, "executors/exec-1"),
    });
  });

  test("has a temporary folder of its own where executors share a working directory", async () => {
    const workingDirectory = join(node.home.root, "shared");
    const spec = { ...services.scripted(), workingDirectory };
    expect(await node.runTasks(spec, "cwd:", "env:TMPDIR")).toEqual([
      workingDirectory,
      join(node.home.run, "executors/exec-1/work/app/tmp"),
    ]);
  });

  test("carries payloads above 4 MiB both ways", async () => {
    const bytes = 20 * 1024 * 1024;
    expect(
      await node.runTasks(services.scripted(), `size:${"x".repeat(bytes)}`, `big:${bytes}`),
    ).toHaveLength(2);
    expect(backend.results[0]?.output?.toString()).toBe(String(bytes));
    expect(backend.results[1]?.output?.length).toBe(bytes);
  });
});

describe("the node", () => {
  test("waits for a session manager that is not there yet, and says so", async () => {
    await backend.start();
    await backend.stop();
    const manager = await node.startNode();
    await waitFor("the warning", () =>
      node.logLines.some((line) => /no connection .*trying again/.test(line)),
    );
    await backend.start();
    await manager.ready;
    expect(backend.registrations[0]).toMatchObject({
      node: {
        metadata: { id: "node-1", name: "node-1" },
        spec: { hostname: "node-1" },
        status: { state: 1, info: { arch: expect.any(String), os: "linux" }, addresses: [] },
      },
      executors: [],
    });
  });

  test("comes back after the first pause however often it failed before a connection that held", async () => {
    // Pauses pass fifty times faster; what they are is read from the log.
    const clock = {
      ...systemClock,
      after: (ms: number, act: () => void) => systemClock.after(ms / 50, act),
    };
    const failures = [status.UNAVAILABLE, status.UNAVAILABLE, status.INTERNAL];
    backend.failures.set("registerNode", [...failures]);
    await node.start({ clock });
    for (const round of [1, 2]) {
      backend.breakStream();
      await waitFor(`stream ${round + 1}`, () => backend.watched);
    }
    backend.failures.set("registerNode", [...failures]);
    backend.breakStream();
    await waitFor("the last stream", () => backend.watched);
    const pauses = node.logLines.flatMap((line) => /"pauseMs":(\d+)/.exec(line)?.[1] ?? []);
    const failed = ["1000", "2000", "4000"];
    expect(pauses).toEqual([...failed, "1000", "1000", "1000", "2000", "4000", "8000"]);
  });

  test("beats at once, before the session manager has said anything", async () => {
    await node.start();
    expect(backend.heartbeats[0]).toMatchObject({
      heartbeat: { nodeName: "node-1", status: { state: 1 } },
    });
  });

  test("finishes and delivers what runs when it is stopped, and leaves no service", async () => {
    backend.keepBound = true;
    backend.tasks.push(Buffer.from("sleep:300"));
    backend.bindings.push(binding(services.scripted()));
    await node.start();
    backend.push("exec-1");
    backend.push("exec-2");
    await backend.called("launchTask");
    await backend.called("bindExecutor", 2);
    await node.asleep();
    const pids = node.servicePids();
    await node.stopNode();
    expect(node.texts()).toEqual(["slept"]);
    expect(backend.rpcs().slice(-3)).toEqual([
      "completeTask",
      "unbindExecutor",
      "unbindExecutorCompleted",
    ]);
    expect(pids.flatMap((pid) => groupMembers(pid))).toEqual([]);
  });

  test("gives back what runs too long when it is stopped", async () => {
    backend.tasks.push(Buffer.from("sleep:60000"));
    backend.bindings.push(binding(services.scripted()));
    await node.start({ drainMs: 100 });
    backend.push("exec-1");
    await node.asleep();
    const pids = node.servicePids();
    await node.stopNode();
    expect(backend.results).toEqual([]);
    expect(pids.flatMap((pid) => groupMembers(pid))).toEqual([]);
  });

  test("starts over the stale sockets and folders of an earlier run", async () => {
    mkdirSync(join(node.home.run, "sockets"), { recursive: true });
    writeFileSync(join(node.home.run, "sockets/exec-1.sock"), "");
    mkdirSync(join(node.home.run, "executors/exec-0/work"), { recursive: true });
    expect(await node.runTasks(services.scripted(), "echo:1")).toEqual(["1"]);
    expect(readdirSync(join(node.home.run, "executors"))).toEqual([]);
  });

  test("refuses a shim that it does not offer", async () => {
    await backend.start();
    await expect(node.startNode({ shim: "wasm" })).rejects.toThrow(
      'cluster.executors.shim: got "wasm", expected "host"',
    );
  });
});
