import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { groupMembers } from "../../../src/process/process-facts.ts";
import { ExecutorState, Shim } from "../../../src/protocol/generated/flame/v1/types.ts";
import { waitFor } from "../../support/wait-for.ts";
import { bundle, NodeUnderTest } from "./node-under-test.ts";
import { binding, type ScriptedBackend } from "./scripted-backend.ts";

const repository = join(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "flame-services-"));
const scripted = join(folder, "scripted.mjs");
const flmping = join(folder, "flmping-service.mjs");

beforeAll(async () => {
  await bundle(join(repository, "test/fixtures/services/scripted-service.ts"), scripted);
  await bundle(join(repository, "src/bin/flmping-service.ts"), flmping);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let node: NodeUnderTest;
let backend: ScriptedBackend;

beforeEach(() => {
  node = new NodeUnderTest();
  backend = node.backend;
});

afterEach(async () => {
  await node.close();
});

function service(...flags: string[]) {
  return { shim: Shim.Host, command: process.execPath, arguments: [scripted, ...flags] };
}

function servicePids(): number[] {
  const records = join(node.home.run, "services");
  return readdirSync(records).map(
    (name) => (JSON.parse(readFileSync(join(records, name), "utf8")) as { pid: number }).pid,
  );
}

/** The process of the first service, as soon as it runs. */
async function firstService(): Promise<number> {
  return waitFor("a service", () => servicePids()[0]);
}

/** Resolves when the service runs a task that takes a while. */
async function asleep(): Promise<void> {
  const log = join(node.home.logs, "executors/exec-1.err");
  await waitFor("a running task", () => readFileSync(log, "utf8").includes("falling asleep"));
}

/** What BindExecutorCompleted and CompleteTask were told. */
function bindResults(): { returnCode: number; message?: string }[] {
  return backend
    .requests<{ result: { returnCode: number; message?: string } }>("bindExecutorCompleted")
    .map(({ result }) => result);
}

function texts(): string[] {
  return backend.results.map(({ returnCode, output, message }) =>
    returnCode === 0 ? (output?.toString("utf8") ?? "(none)") : `${returnCode} ${message ?? ""}`,
  );
}

async function runTasks(
  spec: Parameters<typeof binding>[0],
  ...inputs: string[]
): Promise<string[]> {
  backend.tasks.push(...inputs.map((input) => Buffer.from(input)));
  backend.bindings.push(binding(spec), undefined);
  await node.start();
  backend.push("exec-1");
  await backend.called("unregisterExecutor");
  return texts();
}

describe("the life of an executor", () => {
  test("makes exactly the calls of the contract, in their order", async () => {
    expect(await runTasks(service(), "echo:1", "echo:2")).toEqual(["1", "2"]);
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
    expect(readdirSync(join(node.home.logs, "executors")).sort()).toEqual([
      "exec-1.err",
      "exec-1.out",
    ]);
  });

  test("serves flmping with the output of the contract", async () => {
    const spec = { shim: Shim.Host, command: process.execPath, arguments: [flmping] };
    const [first, second, third] = await runTasks(
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
    expect(await runTasks(service(), "none", "echo:", "fail:it broke")).toEqual([
      "(none)",
      "",
      "-1 it broke",
    ]);
    expect(backend.results[1]?.output).toEqual(Buffer.alloc(0));
  });

  test("gives the service the application as registered, and absent fields stay absent", async () => {
    const [seen] = await runTasks(
      { ...service(), image: "img", url: "file:///dev/null" },
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
      ...service(),
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
    const values = await runTasks(spec, ...names.map((name) => `env:${name}`), "cwd:");
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

  test("carries payloads above 4 MiB both ways", async () => {
    const bytes = 20 * 1024 * 1024;
    expect(await runTasks(service(), `size:${"x".repeat(bytes)}`, `big:${bytes}`)).toHaveLength(2);
    expect(backend.results[0]?.output?.toString()).toBe(String(bytes));
    expect(backend.results[1]?.output?.length).toBe(bytes);
  });
});

describe("a service that goes wrong", () => {
  test("by exiting before it listens fails the bind with code 11, its exit code and last words", async () => {
    await runTasks(service("exit-at-once"));
    expect(bindResults()).toEqual([
      {
        returnCode: 11,
        message: expect.stringMatching(
          /cannot start the service of application "app": ".*" ended with exit code 7 before it accepted connections; its last words on stderr: cannot go on/,
        ),
      },
    ]);
    expect(backend.rpcs().slice(-4)).toEqual([
      "unbindExecutor",
      "unbindExecutorCompleted",
      "bindExecutor",
      "unregisterExecutor",
    ]);
  });

  test("by never listening fails the bind with code 11 after the start time, and is ended", async () => {
    backend.bindings.push(binding(service("never-listen", "ignore-term")), undefined);
    await node.start({ serviceStartTimeoutMs: 500 });
    backend.push("exec-1");
    const pid = await firstService();
    await backend.called("unregisterExecutor");
    expect(bindResults()[0]).toMatchObject({
      returnCode: 11,
      message: expect.stringMatching(
        /did not accept connections on ".*" within 500 ms; its last words on stderr: I shall not listen/,
      ),
    });
    expect(groupMembers(pid)).toEqual([]);
  });

  test("by not being there fails the bind with code 11 naming the command", async () => {
    await runTasks({ shim: Shim.Host, command: "/no/such/${FLAME_HOME:-x}service" });
    expect(bindResults()[0]).toMatchObject({
      returnCode: 11,
      message: expect.stringContaining(`cannot start "/no/such/${node.home.root}service" in`),
    });
  });

  test("by refusing the session fails the bind with code 12, and is asked to leave", async () => {
    await runTasks(service("enter-fails"));
    expect(bindResults()[0]).toEqual({
      returnCode: 12,
      message: 'the service of application "app" did not enter the session: not today',
    });
  });

  test("by dying on enter fails the bind with code 12 naming its exit code", async () => {
    await runTasks(service("enter-exits"));
    expect(bindResults()[0]).toMatchObject({
      returnCode: 12,
      message: expect.stringMatching(/ended with exit code 9 during OnSessionEnter/),
    });
  });

  test.each([
    [
      "exit:3",
      /the service of application "app" ended with exit code 3 during task 1; its last words on stderr: about to exit/,
    ],
    ["kill", /ended with signal SIGKILL during task 1; it wrote nothing to stderr/],
  ])(
    "by dying in a task (%s) is reported with code 18, and its session is left at once",
    async (input, message) => {
      await runTasks(service(), input);
      expect(backend.results).toEqual([
        { returnCode: 18, message: expect.stringMatching(message) },
      ]);
      expect(backend.count("launchTask")).toBe(1);
      expect(backend.rpcs().slice(-5, -1)).toEqual([
        "completeTask",
        "unbindExecutor",
        "unbindExecutorCompleted",
        "bindExecutor",
      ]);
    },
  );

  test("by dying between two tasks is started again for the next one", async () => {
    backend.keepBound = true;
    backend.tasks.push(Buffer.from("exit-later:4"));
    backend.bindings.push(binding(service()), undefined);
    await node.start();
    backend.push("exec-1");
    const pid = await firstService();
    await waitFor("its end", () => backend.results.length === 1 && groupMembers(pid).length === 0);
    backend.tasks.push(Buffer.from("echo:again"));
    await waitFor("the next result", () => backend.results.length === 2);
    expect(texts()).toEqual(["leaving", "again"]);
    backend.keepBound = false;
    await backend.called("unregisterExecutor");
  });

  test.each(["leave-fails", "leave-exits"])(
    "by not leaving (%s) does not hold its executor",
    async (flag) => {
      expect(await runTasks(service(flag), "echo:1")).toEqual(["1"]);
    },
  );

  test("by ignoring TERM is killed with its whole group", async () => {
    backend.keepBound = true;
    backend.bindings.push(binding(service("ignore-term")), undefined);
    await node.start();
    backend.push("exec-1");
    await backend.called("launchTask");
    const [pid = 0] = servicePids();
    backend.keepBound = false;
    await backend.called("unregisterExecutor");
    expect(groupMembers(pid)).toEqual([]);
  });

  test("by needing another shim fails the bind", async () => {
    await runTasks({ ...service(), shim: Shim.Wasm });
    expect(bindResults()[0]).toMatchObject({
      returnCode: 11,
      message: expect.stringContaining("Wasm"),
    });
  });
});

describe("a session manager that goes away", () => {
  test("while a task runs gets its result when it is back", async () => {
    backend.keepBound = true;
    backend.tasks.push(Buffer.from("sleep:300"));
    backend.bindings.push(binding(service()), undefined);
    await node.start();
    backend.push("exec-1");
    await asleep();
    const [pid = 0] = servicePids();
    await backend.stop();
    await waitFor("a failed CompleteTask", () =>
      node.logLines.some((line) => line.includes('"rpc":"CompleteTask"')),
    );
    await backend.start();
    await backend.called("completeTask");
    expect(texts()).toEqual(["slept"]);
    expect(groupMembers(pid)).toHaveLength(1);
    await backend.called("registerNode", 2);
    expect(backend.registrations[1]?.executors).toMatchObject([
      {
        metadata: { id: "exec-1" },
        status: { state: ExecutorState.ExecutorBound, sessionId: "ssn-1" },
      },
    ]);
    backend.keepBound = false;
    await backend.called("unregisterExecutor");
  });

  test("or refuses a result for good is not asked again", async () => {
    backend.failures.set("completeTask", [status.UNAVAILABLE, status.NOT_FOUND]);
    await runTasks(service(), "echo:1", "echo:2");
    expect(backend.count("completeTask")).toBe(3);
    expect(texts()).toEqual(["2"]);
  });

  test("or finds an output too large gets a failure that says so instead", async () => {
    backend.failures.set("completeTask", [status.RESOURCE_EXHAUSTED]);
    expect(await runTasks(service(), "echo:12345")).toEqual([
      "-1 the output (5 bytes) was refused: scripted RESOURCE_EXHAUSTED; use put_object",
    ]);
  });

  test("answers again after failures of every kind, without a flood of calls", async () => {
    for (const rpc of [
      "registerExecutor",
      "bindExecutor",
      "bindExecutorCompleted",
      "launchTask",
      "unbindExecutor",
      "unbindExecutorCompleted",
      "unregisterExecutor",
    ]) {
      backend.failures.set(rpc, [status.UNAVAILABLE, status.INTERNAL]);
    }
    expect(await runTasks(service(), "echo:1")).toEqual(["1"]);
    expect(backend.calls.length).toBeLessThan(40);
  });

  test("and never heard of the executor lets it walk to its end without spinning", async () => {
    for (const rpc of ["registerExecutor", "bindExecutor", "unregisterExecutor"]) {
      backend.failures.set(rpc, [status.NOT_FOUND]);
    }
    await node.start();
    backend.push("exec-1");
    await backend.called("unregisterExecutor");
    await waitFor("the end", () => node.logLines.some((line) => line.includes("executor ended")));
    expect(backend.calls).toHaveLength(4);
  });

  test("or ends the stream sees the node again after a pause, with its executors", async () => {
    backend.keepBound = true;
    backend.bindings.push(binding(service()), undefined);
    await node.start();
    backend.push("exec-1");
    await backend.called("launchTask");
    const ended = Date.now();
    backend.endStream();
    await backend.called("registerNode", 2);
    expect(Date.now() - ended).toBeGreaterThanOrEqual(990);
    await waitFor("the new stream", () => backend.watched);
    backend.push("exec-1");
    backend.push("exec-1", ExecutorState.ExecutorReleased);
    await waitFor("the end", () => node.logLines.some((line) => line.includes("executor ended")));
    expect(servicePids()).toEqual([]);
    expect(backend.count("registerExecutor")).toBe(1);
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

  test("beats at once, before the session manager has said anything", async () => {
    await node.start();
    expect(backend.heartbeats[0]).toMatchObject({
      heartbeat: { nodeName: "node-1", status: { state: 1 } },
    });
  });

  test("finishes and delivers what runs when it is stopped, and leaves no service", async () => {
    backend.keepBound = true;
    backend.tasks.push(Buffer.from("sleep:300"));
    backend.bindings.push(binding(service()));
    await node.start();
    backend.push("exec-1");
    backend.push("exec-2");
    await backend.called("launchTask");
    await backend.called("bindExecutor", 2);
    await asleep();
    const pids = servicePids();
    await node.stopNode();
    expect(texts()).toEqual(["slept"]);
    expect(backend.rpcs().slice(-3)).toEqual([
      "completeTask",
      "unbindExecutor",
      "unbindExecutorCompleted",
    ]);
    expect(pids.flatMap((pid) => groupMembers(pid))).toEqual([]);
  });

  test("gives back what runs too long when it is stopped", async () => {
    backend.tasks.push(Buffer.from("sleep:60000"));
    backend.bindings.push(binding(service()));
    await node.start({ drainMs: 100 });
    backend.push("exec-1");
    await asleep();
    const pids = servicePids();
    await node.stopNode();
    expect(backend.results).toEqual([]);
    expect(pids.flatMap((pid) => groupMembers(pid))).toEqual([]);
  });

  test("starts over the stale sockets and folders of an earlier run", async () => {
    mkdirSync(join(node.home.run, "sockets"), { recursive: true });
    writeFileSync(join(node.home.run, "sockets/exec-1.sock"), "");
    mkdirSync(join(node.home.run, "executors/exec-0/work"), { recursive: true });
    expect(await runTasks(service(), "echo:1")).toEqual(["1"]);
    expect(readdirSync(join(node.home.run, "executors"))).toEqual([]);
  });

  test("refuses a shim that it does not offer", async () => {
    await backend.start();
    await expect(node.startNode({ shim: "wasm" })).rejects.toThrow(
      'cluster.executors.shim: got "wasm", expected "host"',
    );
  });
});
