import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { processFacts } from "../../../src/process/process-facts.ts";
import { Shim } from "../../../src/protocol/generated/flame/v1/types.ts";
import { pythons } from "../../support/python.ts";
import { waitFor } from "../../support/wait-for.ts";
import { BundledServices } from "./bundled-services.ts";
import { NodeUnderTest } from "./node-under-test.ts";
import { binding, type ScriptedBackend } from "./scripted-backend.ts";
import { ScriptedWork } from "./scripted-work.ts";

const services = new BundledServices();
const fixtures = join(import.meta.dirname, "../../fixtures/python");
const patient = { deadlineMs: 60_000 };
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
  work.leaves = false;
  backend.work = work;
});

afterEach(async () => {
  await node.close();
});

const echoes = (count: number): string[] => Array.from({ length: count }, (_, i) => `echo:${i}`);
const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

/** exec-1 is in a session of the scripted service, which has said how many tasks it takes ahead. */
async function start(
  spec: Parameters<typeof binding>[0] = services.scripted("ahead"),
): Promise<void> {
  backend.bindings.push(binding(spec), undefined);
  await node.start({ serviceStartTimeoutMs: 60_000 });
  backend.push("exec-1");
  await waitFor("the executor's word", () => work.credits.length > 0, patient);
}

async function results(count: number): Promise<string[]> {
  await waitFor(`${count} results`, () => work.results.size >= count, patient);
  return work.texts;
}

const serviceLog = (): string => {
  const file = join(node.home.logs, "executors/ssn-1/exec-1.err");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
};

async function printed(text: string): Promise<void> {
  await waitFor(text, () => serviceLog().includes(text), patient);
}

describe("a service that takes tasks ahead", () => {
  test("answers all of them in their order, each once", async () => {
    await start();
    work.assign("exec-1", ...echoes(500));
    expect(await results(500)).toEqual(texts(500));
    expect(work.completions).toHaveLength(500);
    expect(work.returned).toEqual([]);
  });

  test("that dies takes one task with it: the results before it count, those behind it have not begun", async () => {
    await start();
    for (const before of [0, 1, 2, 20, 40]) work.assign("exec-1", ...echoes(before));
    await results(63);
    work.results.clear();
    work.assign("exec-1", ...echoes(30), "kill:", ...echoes(30));
    await backend.called("unbindExecutorCompleted");
    expect(work.texts.slice(0, -1)).toEqual(texts(30));
    expect(work.texts.at(-1)).toMatch(/^18 .*ended with signal SIGKILL during task 94/);
    expect(work.returned).toEqual(Array.from({ length: 30 }, (_, i) => `L${95 + i}`));
  });

  test("gives back what has not begun behind a long task, which goes on", async () => {
    await start();
    work.assign("exec-1", ...echoes(20));
    await results(20);
    work.assign("exec-1", "sleep:600000", ...echoes(10));
    await printed("falling asleep");
    const leases = Array.from({ length: 11 }, (_, i) => `L${21 + i}`);
    work.say({ takeBacks: [{ executorId: "exec-1", leases }] });
    await waitFor("the leases", () => work.returned.length === 10, patient);
    expect(work.returned.toSorted()).toEqual(leases.slice(1));
    expect(work.results.size).toBe(20);
  });

  test("never has a task that it gave back: what is taken back does not run", async () => {
    await start();
    work.assign("exec-1", ...echoes(20));
    await results(20);
    work.assign("exec-1", "sleep:200", "note:never", "note:never");
    work.say({ takeBacks: [{ executorId: "exec-1", leases: ["L22", "L23"] }] });
    await waitFor("the leases", () => work.returned.length === 2, patient);
    work.assign("exec-1", "note:after");
    await printed("after");
    await results(22);
    expect(serviceLog()).not.toContain("never");
  });

  test("finishes its task and gives back the rest when its node stops", async () => {
    await start();
    work.assign("exec-1", ...echoes(20));
    await results(20);
    work.assign("exec-1", "sleep:300", ...echoes(5));
    await printed("falling asleep");
    await node.stopNode();
    expect(work.texts.at(-1)).toBe("slept");
    expect(work.returned.toSorted()).toEqual(["L22", "L23", "L24", "L25", "L26"]);
  });

  test("that dies between two tasks is started again for the next one", async () => {
    await start();
    const pid = await node.firstService();
    work.assign("exec-1", ...echoes(20), "exit-later:4");
    await results(21);
    // Gone from the process table: only then has its parent, the executor manager, seen its end.
    await waitFor("its end", () => !processFacts(pid), patient);
    work.assign("exec-1", "echo:again", "echo:and again");
    expect((await results(23)).slice(-3)).toEqual(["leaving", "again", "and again"]);
  });

  test("answers large outputs and takes large inputs", async () => {
    await start();
    work.assign("exec-1", ...echoes(20));
    await results(20);
    work.assign(
      "exec-1",
      "big:3000000",
      `size:${"x".repeat(2_000_000)}`,
      "big:3000000",
      "echo:end",
    );
    const all = await results(24);
    expect(all.slice(-3, -2).concat(all.slice(-1))).toEqual(["2000000", "end"]);
    expect([...work.results.values()].at(-2)?.output?.length).toBe(3_000_000);
  });

  test("that fails a task fails no other", async () => {
    await start();
    work.assign("exec-1", ...echoes(20), "fail:it broke", "none:", "echo:on");
    expect((await results(23)).slice(-3)).toEqual(["-1 it broke", "(none)", "on"]);
  });

  test.each([
    ["out of order", /answered task "2" when task 1 was due/],
    ["unknown", /answered task "no such" when task 1 was due/],
    ["end", /ended its stream of tasks during task 1/],
    ["noise", /sent what is no result: a message of 4294967295 bytes .* during task 1/],
    ["nonsense", /sent what is no result: .* during task 1/],
    ["deaf", /closed the connection of its tasks during task 1/],
    ["recall", /gave back tasks that nobody had asked for during task 1/],
    ["done", /told of its session when nobody had asked during task 1/],
  ])("and says what it should not (%s) is ended, and its task told why", async (kind, message) => {
    await start(services.breaching(kind));
    work.assign("exec-1", "a", "b", "c");
    await backend.called("unbindExecutorCompleted");
    expect(work.texts).toHaveLength(1);
    expect(work.texts[0]).toMatch(message);
    expect(work.texts[0]).toMatch(/^18 the service of application "app" /);
  });
});

describe("a service that connects for its tasks", () => {
  test("does so by a socket for its user alone, which is gone when it has", async () => {
    const sockets = join(node.home.run, "sockets");
    const started = start(services.scripted("ahead", "listen-waits", "enter-waits"));
    const socket = join(sockets, "exec-1.task");
    await waitFor("the socket", () => existsSync(socket), patient);
    // Until it is closed to others, its folder is.
    const closed = () => (statSync(socket).mode & 0o777) === 0o600;
    await waitFor("the socket that its user alone may use", closed, patient);
    expect(statSync(sockets).mode & 0o777).toBe(0o700);
    writeFileSync(join(node.home.root, "listen"), "");
    await printed("entering");
    expect(readdirSync(sockets)).toEqual([]);
    writeFileSync(join(node.home.root, "enter"), "");
    await started;
    work.assign("exec-1", "echo:a");
    expect(await results(1)).toEqual(["a"]);
  });

  test.each([
    ["a task", /answered task "1" when no task runs/],
    ["a recall", /gave back tasks that nobody had asked for/],
    ["its end", /ended its stream of tasks/],
    ["noise", /sent what is no result: a message of 4294967295 bytes/],
  ])("and answers with %s when it is to enter has not entered", async (kind, why) => {
    backend.bindings.push(binding(services.breaching(`enter with ${kind}`)), undefined);
    await node.start({ serviceStartTimeoutMs: 60_000 });
    backend.push("exec-1");
    await backend.called("bindExecutorCompleted");
    const [result] = node.bindResults();
    expect(result).toMatchObject({ returnCode: 12, message: expect.stringMatching(why) });
    expect(result?.message).toMatch(/ during OnSessionEnter/);
  });

  test("has two connections, and no third one", async () => {
    await start(services.breaching("third connection"));
    work.assign("exec-1", "a");
    expect(await results(1)).toEqual(["(none)"]);
  });

  test("is called for each task when it made one connection of the two", async () => {
    await start(services.breaching("one connection"));
    work.assign("exec-1", "a", "b");
    expect(await results(2)).toEqual(["(none)", "(none)"]);
  });

  test("has told each result when the next task begins: one that kills it at once takes no other", async () => {
    await start();
    work.assign("exec-1", ...echoes(60));
    await results(60);
    work.results.clear();
    // In one message: it has them all, or most of them, before the first one begins.
    work.assign("exec-1", ...echoes(49), "kill:", ...echoes(50));
    await backend.called("unbindExecutorCompleted");
    expect(work.texts).toEqual([
      ...texts(49),
      expect.stringMatching(/^18 .*ended with signal SIGKILL during task 110/),
    ]);
    expect(work.returned.toSorted()).toEqual(Array.from({ length: 50 }, (_, i) => `L${111 + i}`));
  });

  test("has told each result also when the executor manager does not read meanwhile", async () => {
    await start();
    work.assign("exec-1", ...echoes(60));
    await results(60);
    work.results.clear();
    // Far more than the system keeps of a connection.
    const large = Array.from({ length: 20 }, () => "big:1000000");
    work.assign("exec-1", ...large, "kill:", ...echoes(5));
    await backend.called("unbindExecutorCompleted");
    expect([...work.results.values()].map(({ output }) => output?.length)).toEqual([
      ...large.map(() => 1_000_000),
      undefined,
    ]);
    expect(work.returned.toSorted()).toEqual(Array.from({ length: 5 }, (_, i) => `L${82 + i}`));
  });
});

describe("a service that has no stream of tasks", () => {
  test("is called for each task: one made with the published flamepy", async () => {
    const published = {
      shim: Shim.Host,
      command: pythons.published,
      arguments: [join(fixtures, "echo_service.py")],
    };
    await start(published);
    work.assign("exec-1", "a", "b", "die", "c");
    await backend.called("unbindExecutorCompleted");
    const died = expect.stringMatching(/^18 .*ended with exit code 3 during task 3/);
    expect(work.texts).toEqual(["a", "b", died]);
    expect(work.returned).toEqual(["L4"]);
  });
});

describe("a service made with our flamepy", () => {
  test("answers its tasks on the stream, and what each prints is in the log as its own", async () => {
    const env = [{ name: "PYTHONPATH", value: join(import.meta.dirname, "../../../sdk/python") }];
    await start({
      shim: Shim.Host,
      command: pythons.ours,
      arguments: [join(fixtures, "echo_service.py"), "print"],
      environments: env,
    });
    work.assign("exec-1", ...Array.from({ length: 30 }, (_, i) => `word-${i + 1}`));
    expect(await results(30)).toHaveLength(30);
    await printed("word-30");
    const file = join(node.home.logs, "executors/ssn-1/exec-1.err");
    await waitFor(
      "the last mark",
      () => readFileSync(file, "utf8").includes("task 30 ends"),
      patient,
    );
    for (let task = 1; task <= 30; task++)
      expect(serviceLog()).toMatch(
        new RegExp(`task ${task} begins\\nword-${task}\\n### flame \\S+ task ${task} ends`),
      );
  });
});
