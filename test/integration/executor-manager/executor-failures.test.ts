import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { groupMembers, processFacts } from "../../../src/process/process-facts.ts";
import { ExecutorState, Shim } from "../../../src/protocol/generated/flame/v1/types.ts";
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

describe("a service that goes wrong", () => {
  test("by exiting before it listens fails the bind with code 11, its exit code and last words", async () => {
    await node.runTasks(services.scripted("exit-at-once"));
    expect(node.bindResults()).toEqual([
      {
        returnCode: 11,
        message: expect.stringMatching(
          /cannot start the service of application "app": ".*" ended with exit code 7 before it connected or accepted connections; its last words on stderr: cannot go on/,
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
    backend.bindings.push(binding(services.scripted("never-listen", "ignore-term")), undefined);
    await node.start({ serviceStartTimeoutMs: 500 });
    backend.push("exec-1");
    const pid = await node.firstService();
    await backend.called("unregisterExecutor");
    expect(node.bindResults()[0]).toMatchObject({
      returnCode: 11,
      message: expect.stringMatching(
        /neither connected nor accepted connections on ".*" within 500 ms; its last words on stderr: I shall not listen/,
      ),
    });
    expect(groupMembers(pid)).toEqual([]);
  });

  test("by not being there fails the bind with code 11 naming the command", async () => {
    await node.runTasks({ shim: Shim.Host, command: "/no/such/${FLAME_HOME:-x}service" });
    expect(node.bindResults()[0]).toMatchObject({
      returnCode: 11,
      message: expect.stringContaining(`cannot start "/no/such/${node.home.root}service" in`),
    });
  });

  test("by refusing the session fails the bind with code 12, and is asked to leave", async () => {
    await node.runTasks(services.scripted("enter-fails"));
    expect(node.bindResults()[0]).toEqual({
      returnCode: 12,
      message: 'the service of application "app" did not enter the session: not today',
    });
  });

  test("by dying on enter fails the bind with code 12 naming its exit code", async () => {
    await node.runTasks(services.scripted("enter-exits"));
    expect(node.bindResults()[0]).toMatchObject({
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
      await node.runTasks(services.scripted(), input);
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
    backend.bindings.push(binding(services.scripted()), undefined);
    await node.start();
    backend.push("exec-1");
    const pid = await node.firstService();
    // Gone from the process table: only then has its parent, the executor manager, seen its end.
    await waitFor("its end", () => backend.results.length === 1 && !processFacts(pid));
    backend.tasks.push(Buffer.from("echo:again"));
    await waitFor("the next result", () => backend.results.length === 2);
    expect(node.texts()).toEqual(["leaving", "again"]);
    backend.keepBound = false;
    await backend.called("unregisterExecutor");
  });

  test("by dying between two tasks for good leaves the next one as it was: it had not begun", async () => {
    backend.keepBound = true;
    backend.lease = "1:1";
    backend.tasks.push(Buffer.from("exit-later:4"));
    backend.bindings.push(binding(services.scripted("only-once")), undefined);
    await node.start();
    backend.push("exec-1");
    const pid = await node.firstService();
    await waitFor("its end", () => backend.results.length === 1 && !processFacts(pid));
    backend.lease = "2:1";
    backend.tasks.push(Buffer.from("echo:never"));
    await backend.called("unregisterExecutor");
    expect(node.texts()).toEqual(["leaving"]);
    expect(backend.rpcs()).toContain("unbindExecutor");
  });

  test.each(["leave-fails", "leave-exits"])(
    "by not leaving (%s) does not hold its executor",
    async (flag) => {
      expect(await node.runTasks(services.scripted(flag), "echo:1")).toEqual(["1"]);
    },
  );

  test("by ignoring TERM is killed with its whole group", async () => {
    backend.keepBound = true;
    backend.bindings.push(binding(services.scripted("ignore-term")), undefined);
    await node.start();
    backend.push("exec-1");
    await backend.called("launchTask");
    const [pid = 0] = node.servicePids();
    backend.keepBound = false;
    await backend.called("unregisterExecutor");
    expect(groupMembers(pid)).toEqual([]);
  });

  test("by answering noise fails the bind with code 12, and is ended", async () => {
    await node.runTasks(services.garbage("noise"));
    expect(node.bindResults()).toEqual([
      {
        returnCode: 12,
        message: expect.stringMatching(/the service of application "app".* during OnSessionEnter/),
      },
    ]);
    expect(node.servicePids()).toEqual([]);
  });

  test("by answering nonsense fails the task, and the next one is asked for", async () => {
    const failed = expect.stringMatching(
      /^-1 the service of application "app": task 1: .*(parsing|decod|index|type)/i,
    );
    expect(await node.runTasks(services.garbage("nonsense"), "a", "b")).toEqual([
      failed,
      expect.stringContaining("task 2"),
    ]);
  });

  test("by leaking children takes them along, also those that left its group", async () => {
    const [pids = "[]"] = await node.runTasks(services.scripted(), "leak:");
    const children = JSON.parse(pids) as number[];
    expect(children).toHaveLength(2);
    await waitFor("their end", () => children.every((pid) => processFacts(pid)?.state !== "S"));
    expect(node.logLines).toContainEqual(expect.stringContaining(`"processes":[${children[1]}]`));
  });

  test.each([
    ["a service that does not leave", "leave-fails", "echo:1", ["did not leave its session"]],
    ["a service that dies in a task", "", "exit:3", ["during a task", "task begins"]],
    ["processes outside the group", "", "leak:", ["killed processes"]],
  ])("by way of %s leaves log lines that name executor, session and task", async (...row) => {
    const [, flag, input, told] = row;
    await node.runTasks(services.scripted(...(flag === "" ? [] : [flag])), input);
    await node.ended();
    for (const text of [...told, "session entered", '"to":"Unbinding"']) {
      const line = node.logLines.find((one) => one.includes(text));
      const ids = ['"executor":"exec-1"', '"session":"ssn-1"'];
      if (text.includes("task")) ids.push('"task":"1"');
      for (const id of ids) expect(line).toContain(id);
    }
  });

  test("by filling stdout is read on, into two files of a bounded size", async () => {
    expect(await node.runTasks(services.scripted(), "print:40000", "echo:1")).toEqual([
      "printed",
      "1",
    ]);
    const folder = join(node.home.logs, "executors/ssn-1");
    const sizes = await waitFor("both files", () => {
      const found = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
      return found.reduce((sum, size) => sum + size, 0) > 16 * 1024 * 1024 ? found : undefined;
    });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(17 * 1024 * 1024);
  });

  test("by needing another shim fails the bind", async () => {
    await node.runTasks({ ...services.scripted(), shim: Shim.Wasm });
    expect(node.bindResults()[0]).toMatchObject({
      returnCode: 11,
      message: expect.stringContaining("Wasm"),
    });
  });
});

describe("an executor that is released while its service runs a task", () => {
  async function releasedAsleep(): Promise<number> {
    backend.keepBound = true;
    backend.tasks.push(Buffer.from("sleep:600000"));
    backend.bindings.push(binding(services.scripted("ignore-term")), undefined);
    await node.start();
    backend.push("exec-1");
    await node.asleep();
    const [pid = 0] = node.servicePids();
    expect(groupMembers(pid)).not.toEqual([]);
    return pid;
  }

  test("ends the service, which ignores TERM, and unregisters when nothing of it runs any more", async () => {
    const pid = await releasedAsleep();
    backend.push("exec-1", ExecutorState.ExecutorReleased);
    backend.push("exec-1", ExecutorState.ExecutorReleased);
    await backend.called("unregisterExecutor");
    expect(groupMembers(pid)).toEqual([]);
    expect(node.servicePids()).toEqual([]);
    await node.ended();
    expect(backend.count("unregisterExecutor")).toBe(1);
    expect(backend.results).toEqual([]);
  });

  test("says so until it is heard, and to a session manager that forgot it, once", async () => {
    await releasedAsleep();
    backend.failures.set("unregisterExecutor", [status.UNAVAILABLE, status.NOT_FOUND]);
    backend.push("exec-1", ExecutorState.ExecutorReleased);
    await node.ended();
    expect(backend.count("unregisterExecutor")).toBe(2);
  });

  test("takes a new one meanwhile", async () => {
    await releasedAsleep();
    backend.push("exec-1", ExecutorState.ExecutorReleased);
    backend.tasks.push(Buffer.from("echo:next"));
    backend.bindings.unshift(binding(services.scripted()));
    backend.push("exec-2");
    await waitFor("the next result", () => backend.results.length === 1);
    expect(node.texts()).toEqual(["next"]);
    backend.keepBound = false;
  });
});

describe("a session manager that goes away", () => {
  test("while a task runs gets its result when it is back", async () => {
    backend.keepBound = true;
    backend.tasks.push(Buffer.from("sleep:300"));
    backend.bindings.push(binding(services.scripted()), undefined);
    await node.start();
    backend.push("exec-1");
    await node.asleep();
    const [pid = 0] = node.servicePids();
    await backend.stop();
    await waitFor("a failed CompleteTask", () =>
      node.logLines.some((line) => line.includes('"rpc":"CompleteTask","executor":"exec-1"')),
    );
    await backend.start();
    await backend.called("completeTask");
    expect(node.texts()).toEqual(["slept"]);
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
    await node.runTasks(services.scripted(), "echo:1", "echo:2");
    expect(backend.count("completeTask")).toBe(3);
    expect(node.texts()).toEqual(["2"]);
  });

  test("or refuses a result for good and hands the task out again sees the executor leave", async () => {
    backend.lease = "1:1";
    backend.repeatTasks = true;
    backend.failures.set("completeTask", [status.INVALID_ARGUMENT]);
    await node.runTasks(services.scripted(), "echo:1");
    expect(backend.count("launchTask")).toBeLessThanOrEqual(2);
    expect(backend.count("completeTask")).toBe(1);
  });

  test("or answers LaunchTask before the result has arrived does not see the task run again", async () => {
    backend.lease = "1:1";
    backend.repeatTasks = true;
    backend.failures.set("completeTask", [status.UNAVAILABLE]);
    expect(await node.runTasks(services.scripted(), "echo:1")).toEqual(["1"]);
    expect(backend.leases).toEqual(["1:1", "1:1"]);
  });

  test("or finds an output too large gets a failure that says so instead", async () => {
    backend.failures.set("completeTask", [status.RESOURCE_EXHAUSTED]);
    expect(await node.runTasks(services.scripted(), "echo:12345")).toEqual([
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
    expect(await node.runTasks(services.scripted(), "echo:1")).toEqual(["1"]);
    expect(backend.calls.length).toBeLessThan(40);
  });

  test("and never heard of the executor lets it walk to its end without spinning", async () => {
    for (const rpc of ["registerExecutor", "bindExecutor", "unregisterExecutor"]) {
      backend.failures.set(rpc, [status.NOT_FOUND]);
    }
    await node.start();
    backend.push("exec-1");
    await backend.called("unregisterExecutor");
    await node.ended();
    expect(backend.calls).toHaveLength(4);
  });

  test("or ends the stream sees the node again after a pause, with its executors", async () => {
    backend.keepBound = true;
    backend.bindings.push(binding(services.scripted()), undefined);
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
    await node.ended();
    expect(node.servicePids()).toEqual([]);
    expect(backend.count("registerExecutor")).toBe(1);
    // Released ends its calls: none is made in a loop, and none any more.
    expect(backend.calls.length).toBeLessThan(15);
  });

  test("and loses the order of an executor, as the reference does after hasty restarts, is asked for it", async () => {
    await node.start();
    // It had two streams of this node before, and has not yet noticed that they are dead.
    backend.losePushes = 2;
    backend.push("exec-1");
    backend.push("exec-2");
    await backend.called("registerExecutor", 2);
    const ids = backend.requests<{ executorId: string }>("registerExecutor");
    expect(ids.map(({ executorId }) => executorId).sort()).toEqual(["exec-1", "exec-2"]);
  });
});
