import { status } from "@grpc/grpc-js";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { WorkLoad } from "../../../src/executor-manager/work/work-load.ts";
import type { LaunchedTask } from "../../../src/executor-manager/work/work-source.ts";
import { turns } from "./scripted-call.ts";
import { run, soon, WorkUnderTest } from "./work-under-test.ts";

let work: WorkUnderTest;

beforeEach(() => {
  work = new WorkUnderTest();
});

describe("a stream that opens", () => {
  test("begins with its node, and with its executors only when the session manager has the service", async () => {
    work.ask();
    work.attach();
    await turns();
    expect(work.calls[0]?.written).toEqual([
      {
        hello: { node: "n1", instance: "i1", warm: 0, binds: false },
        ready: [],
        completions: [],
        returns: [],
        awaits: [],
      },
    ]);
    work.calls[0]?.accept();
    await turns();
    expect(work.calls[0]?.written[1]?.ready).toEqual([
      { executorId: "e1", credit: 1, opens: true, held: [], entered: "s1" },
    ]);
  });

  test("is absent where it is refused with UNIMPLEMENTED, on that connection only", async () => {
    work.ask();
    const available = work.stream.available(new AbortController().signal);
    work.calls[0]?.fail(status.UNIMPLEMENTED, "unknown service");
    expect(await available).toBe(false);
    expect(work.lost).toEqual([]);
    await work.open();
    expect(await work.stream.available(new AbortController().signal)).toBe(true);
  });

  test("is absent where nobody answers for 5 seconds", async () => {
    work.ask();
    await work.clock.pass(4_999);
    expect(work.calls[0]?.cancelled).toBe(false);
    await work.clock.pass(1);
    expect(work.calls[0]?.cancelled).toBe(true);
    expect(await work.stream.available(new AbortController().signal)).toBe(false);
  });

  test("is not waited for by an executor that is to stop", async () => {
    const stop = new AbortController();
    const available = work.stream.available(stop.signal);
    stop.abort();
    expect(await available).toBe(false);
  });

  test("that breaks is told, once", async () => {
    const call = await work.open();
    call.fail(status.UNAVAILABLE, "gone");
    call.emit("end");
    expect(work.lost).toEqual(["the stream of work ended: gone"]);
  });

  test("makes executors leave that had work by a stream, where it is absent", async () => {
    await work.open();
    const queue = work.attach();
    work.calls[0]?.assign(1, 2);
    await queue.next();
    work.ask();
    work.calls[1]?.fail(status.UNIMPLEMENTED, "unknown service");
    expect(await queue.next()).toBeUndefined();
    await queue.settled();
    expect(work.lines.join("\n")).toMatch(
      /warn the session manager has no stream of work any more/,
    );
  });
});

describe("results", () => {
  test("of one turn travel in one message, in their order", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1, 2, 3);
    await turns();
    const before = call.written.length;
    for (let i = 0; i < 3; i++) await run(queue);
    await turns();
    expect(call.written.length).toBe(before + 1);
    expect(call.results).toEqual(["L1", "L2", "L3"]);
  });

  test("gather for 3 ms while four tasks are behind them, and leave with the first that has fewer", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1, 2, 3, 4, 5, 6, 7, 8);
    await turns();
    await run(queue);
    await run(queue);
    await turns();
    expect(call.results).toEqual([]);
    await work.clock.pass(2);
    await turns();
    expect(call.results).toEqual([]);
    await work.clock.pass(1);
    await turns();
    expect(call.results).toEqual(["L1", "L2"]);
    await run(queue);
    await run(queue);
    await turns();
    expect(call.results).toEqual(["L1", "L2"]);
    await run(queue);
    await turns();
    expect(call.results).toEqual(["L1", "L2", "L3", "L4", "L5"]);
    const { length } = call.written;
    await work.clock.pass(10);
    await turns();
    expect(call.written).toHaveLength(length);
  });

  test("leave when there are 16, whatever is behind them", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(...Array.from({ length: 30 }, (_, at) => at + 1));
    await turns();
    for (let i = 0; i < 15; i++) await run(queue);
    await turns();
    expect(call.results).toEqual([]);
    await run(queue);
    await turns();
    expect(call.results).toHaveLength(16);
  });

  test("that gathered when a stream broke are told on the next one, once", async () => {
    const first = await work.open();
    const queue = work.attach();
    first.assign(1, 2, 3, 4, 5, 6);
    await turns();
    await run(queue);
    first.fail(status.UNAVAILABLE, "gone");
    const second = await work.open();
    await work.clock.pass(10);
    await turns();
    expect(first.results).toEqual([]);
    expect(second.results).toEqual(["L1"]);
  });

  test("are repeated on a new stream until they are acknowledged", async () => {
    const first = await work.open();
    const queue = work.attach();
    first.assign(1, 2, 3, 4);
    await run(queue, Buffer.from("one"));
    await run(queue, Buffer.from("two"));
    await queue.next();
    await turns();
    first.acknowledge("L1");
    first.fail(status.UNAVAILABLE, "gone");
    const second = await work.open();
    const message = second.written[1];
    expect(message?.ready[0]).toMatchObject({ opens: true });
    expect(message?.ready[0]?.held).toEqual(
      ["2", "3", "4"].map((taskId) => ({ lease: `L${taskId}`, sessionId: "s1", taskId })),
    );
    expect(message?.completions).toMatchObject([{ lease: "L2", output: Buffer.from("two") }]);
    second.acknowledge("L2");
    second.fail(status.UNAVAILABLE, "gone");
    expect((await work.open()).results).toEqual([]);
  });

  test("that end while there is no connection are sent on the next one", async () => {
    const first = await work.open();
    const queue = work.attach();
    first.assign(1);
    const launched = (await queue.next()) as LaunchedTask;
    first.fail(status.UNAVAILABLE, "gone");
    queue.finish(launched, { returnCode: 0 });
    const second = await work.open();
    expect(second.results).toEqual(["L1"]);
    expect(second.written[1]?.ready[0]?.held).toMatchObject([{ lease: "L1" }]);
  });

  test("hold an executor in its session until they are acknowledged", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1);
    await run(queue);
    let settled = false;
    const done = queue.settled().then(() => {
      settled = true;
    });
    await turns();
    expect(settled).toBe(false);
    call.acknowledge("L1");
    await done;
  });

  test("are split above 1 MiB, and wait while the connection takes no more", async () => {
    const call = await work.open();
    const queue = work.attach();
    call.assign(1, 2, 3);
    await turns();
    const before = call.written.length;
    call.takesMore = false;
    for (let i = 0; i < 3; i++) await run(queue, Buffer.alloc(700_000));
    await turns(5);
    expect(call.results).toEqual(["L1"]);
    call.takesMore = true;
    call.emit("drain");
    await turns(5);
    expect(call.results).toEqual(["L1", "L2", "L3"]);
    expect(call.written.length).toBe(before + 3);
  });

  test("that no message can hold fail their task on the next stream", async () => {
    const first = await work.open();
    const queue = work.attach();
    first.assign(1, 2);
    await run(queue, Buffer.alloc(10));
    await run(queue, Buffer.alloc(20));
    await turns();
    first.fail(status.RESOURCE_EXHAUSTED, "larger than max (20 vs. 15)");
    const second = await work.open();
    expect(second.written[1]?.completions).toMatchObject([
      { lease: "L1", returnCode: 0 },
      {
        lease: "L2",
        returnCode: -1,
        message: "the output (20 bytes) was refused: larger than max (20 vs. 15); use put_object",
      },
    ]);
  });

  test("keep further tasks from beginning while too many bytes of them wait", async () => {
    work = new WorkUnderTest(new WorkLoad(100));
    const call = await work.open();
    const queue = work.attach();
    call.assign(1, 2);
    await run(queue, Buffer.alloc(101));
    const next = queue.next();
    expect(await soon(next)).toBe("waits");
    call.acknowledge("L1");
    expect(await next).toMatchObject({ taskId: "2" });
  });
});

describe("warm services on a stream", () => {
  const list = (name: string, count: number) => ({
    warm: { applications: [{ name, revision: 1, spec: undefined, count }] },
  });

  test("are those of the last list, and none where the first message has no list", async () => {
    const keeper = new WorkUnderTest(undefined, 4);
    const first = await keeper.open();
    expect(first.written[0]?.hello?.warm).toBe(4);
    first.say(list("a", 1));
    first.say({ leaves: [{ executorId: "e1" }] });
    first.say(list("b", 2));
    expect(keeper.wanted).toEqual(["1 a", "2 b"]);
    const second = await keeper.open();
    expect(keeper.wanted).toHaveLength(2);
    second.say({ leaves: [{ executorId: "e1" }] });
    second.say({ leaves: [{ executorId: "e1" }] });
    expect(keeper.wanted.slice(2)).toEqual([""]);
  });

  test("stay while there is no connection, and are none where the session manager has no stream", async () => {
    const keeper = new WorkUnderTest(undefined, 4);
    const first = await keeper.open();
    first.say(list("a", 1));
    first.fail(status.UNAVAILABLE, "gone");
    expect(keeper.wanted).toEqual(["1 a"]);
    keeper.ask();
    keeper.calls.at(-1)?.fail(status.UNIMPLEMENTED, "unknown service");
    expect(keeper.wanted).toEqual(["1 a", ""]);
  });
});
