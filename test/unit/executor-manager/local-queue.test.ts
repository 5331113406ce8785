import { status } from "@grpc/grpc-js";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { WorkLoad } from "../../../src/executor-manager/work/work-load.ts";
import type { LaunchedTask } from "../../../src/executor-manager/work/work-source.ts";
import { assignment, turns } from "./scripted-call.ts";
import { run, soon, WorkUnderTest } from "./work-under-test.ts";

let work: WorkUnderTest;

beforeEach(() => {
  work = new WorkUnderTest();
});

describe("a local queue", () => {
  test("gives back what has not begun, and nothing else", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1, 2, 3);
    await queue.next();
    call.say({ takeBacks: [{ executorId: "e1", leases: ["L1", "L3", "L9"] }] });
    await turns();
    expect(call.returned).toEqual(["L3"]);
    expect(work.lines.join("\n")).toMatch(/debug leases that are wanted back have begun, or ended/);
  });

  test("answers a take-back that comes too late with nothing but what runs", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1);
    const next = queue.next();
    // In the same turn: the executor has not gone on yet, but the task has begun or is given back, never both.
    call.say({ takeBacks: [{ executorId: "e1", leases: ["L1"] }] });
    expect(await next).toMatchObject({ taskId: "1" });
    await turns();
    expect(call.written.flatMap(({ returns }) => returns)).toEqual([
      { executorId: "e1", leases: [], begun: "L1" },
    ]);
  });

  test("does not begin a task that is taken back in the turn in which it came", async () => {
    const call = await work.open();
    const queue = work.attach();
    const next = queue.next();
    call.assign(1);
    call.say({ takeBacks: [{ executorId: "e1", leases: ["L1"] }] });
    expect(await soon(next)).toBe("waits");
    expect(call.returned).toEqual(["L1"]);
  });

  test("that takes nothing new gives the rest back before its last result", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1, 2, 3);
    const launched = (await queue.next()) as LaunchedTask;
    await turns();
    queue.shut();
    queue.finish(launched, { returnCode: 18, message: "crash" });
    await turns();
    expect(call.written.at(-1)).toMatchObject({
      returns: [{ executorId: "e1", leases: ["L2", "L3"] }],
      completions: [{ lease: "L1", returnCode: 18, message: "crash" }],
      ready: [{ executorId: "e1", credit: 0, opens: false }],
    });
    expect(await queue.next()).toBeUndefined();
    call.assign(4);
    await turns();
    expect(call.returned).toEqual(["L2", "L3", "L4"]);
  });

  test("ends after its last task when it is to leave", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1);
    call.say({ leaves: [{ executorId: "e1" }] });
    expect(await run(queue)).toMatchObject({ taskId: "1" });
    expect(await queue.next()).toBeUndefined();
  });

  test("begins nothing while the session manager is away", async () => {
    const first = await work.open();
    const queue = work.attach();
    first.assign(1, 2);
    await run(queue);
    first.fail(status.UNAVAILABLE, "gone");
    const next = queue.next();
    expect(await soon(next)).toBe("waits");
    await work.open();
    expect(await next).toMatchObject({ taskId: "2" });
  });

  test("begins nothing while the session manager was not heard of for 20 seconds", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1);
    await work.clock.pass(20_001);
    const next = queue.next();
    expect(await soon(next)).toBe("waits");
    work.stream.heard();
    expect(await next).toMatchObject({ taskId: "1" });
  });

  test("forgets what had not begun when the session manager was away for 20 seconds", async () => {
    const first = await work.open();
    const queue = work.attach();
    first.assign(1, 2);
    await queue.next();
    first.fail(status.UNAVAILABLE, "gone");
    await work.clock.pass(20_001);
    const second = await work.open();
    expect(second.written[1]?.ready[0]?.held).toMatchObject([{ lease: "L1" }]);
  });

  test("says more credit when short tasks ran it dry, and one after a long one", async () => {
    const call = await work.open();
    const queue = work.attach();
    await turns();
    call.assign(1);
    await run(queue);
    await turns();
    call.assign(2);
    await run(queue);
    await turns();
    call.assign(3);
    const launched = (await queue.next()) as LaunchedTask;
    await work.clock.pass(30);
    queue.finish(launched, { returnCode: 0 });
    await turns();
    expect(call.credits).toEqual([1, 2, 4, 1]);
  });

  test("takes one at a time while the inputs of the node are too large", async () => {
    work = new WorkUnderTest(new WorkLoad(100));
    const call = await work.open();
    const queue = work.attach();
    await turns();
    call.assign(1);
    await run(queue);
    await turns();
    call.say({ assignments: [assignment(2, Buffer.alloc(60)), assignment(3, Buffer.alloc(60))] });
    await turns();
    expect(call.credits).toEqual([1, 2, 1]);
    await queue.next();
    await turns();
    expect(call.credits).toEqual([1, 2, 1, 2]);
  });

  test("of an executor that is stopped wakes it, and what comes for it later is given back", async () => {
    const call = await work.open();
    const queue = work.attach();
    const next = queue.next();
    queue.drop();
    expect(await next).toBeUndefined();
    call.assign(1);
    await turns();
    expect(call.returned).toEqual(["L1"]);
  });
});

describe("messages that make no sense", () => {
  test("for an executor that is not there are ignored with a line in the log, and its tasks given back", async () => {
    const call = await work.open();
    call.say({
      assignments: [assignment(1, undefined, "nobody")],
      takeBacks: [{ executorId: "nobody", leases: ["L1"] }],
      acknowledgements: [{ executorId: "nobody", leases: ["L1"] }],
      leaves: [{ executorId: "nobody" }],
    });
    await turns();
    expect(call.written.slice(1)).toEqual([
      expect.objectContaining({ returns: [{ executorId: "nobody", leases: ["L1"], begun: "" }] }),
    ]);
    const told = work.lines.filter((line) => line.startsWith("warn") && line.includes("nobody"));
    expect(told).toHaveLength(3);
  });

  test("about a lease that is not there are ignored with a line in the log", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.acknowledge("L7");
    expect(work.lines.join("\n")).toMatch(
      /not waited for was acknowledged, ignored \{"lease":"L7"\}/,
    );
    expect(await soon(queue.next())).toBe("waits");
  });

  test("with a task of another session give it back", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.say({ assignments: [assignment(1, undefined, "e1", "s2")] });
    await turns();
    expect(call.returned).toEqual(["L1"]);
    expect(work.lines.join("\n")).toMatch(/"got":"s2","expected":"s1"/);
    expect(await soon(queue.next())).toBe("waits");
  });

  test("with a lease that came before run it once", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1);
    call.assign(1);
    await run(queue);
    call.assign(1);
    expect(await soon(queue.next())).toBe("waits");
    await turns();
    expect(call.results).toEqual(["L1"]);
  });
});
