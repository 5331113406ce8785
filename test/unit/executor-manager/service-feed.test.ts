import { beforeEach, describe, expect, test } from "@jest/globals";
import type { LocalQueue } from "../../../src/executor-manager/work/local-queue.ts";
import { type FeedEnd, ServiceFeed } from "../../../src/executor-manager/work/service-feed.ts";
import { TaskStream } from "../../../src/executor-manager/work/task-stream.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { assignment, type ScriptedCall, turns } from "./scripted-call.ts";
import { ScriptedServiceCall } from "./scripted-service-call.ts";
import { soon, WorkUnderTest } from "./work-under-test.ts";

let work: WorkUnderTest;
let call: ScriptedCall;
let queue: LocalQueue;
let service: ScriptedServiceCall;
/** What the service was said to run, in order. */
let sections: (string | undefined)[];
let end: Promise<FeedEnd>;

beforeEach(async () => {
  work = new WorkUnderTest();
  call = await work.open();
  queue = work.attach();
  service = new ScriptedServiceCall();
  sections = [];
  const tasks = new TaskStream(service.link);
  const fed = {
    tasks,
    section: (taskId: string | undefined) => void sections.push(taskId),
    told: <Result>(result: Result) => result,
    lost: (taskId: string | undefined, why: Error) =>
      Promise.resolve(`lost with ${taskId ?? "none"}: ${why.message}`),
  };
  // As the first task of a session does: by then the service has said how many it takes ahead.
  const first = tasks.invoke({ taskId: "0", sessionId: "s1", input: undefined });
  service.say({ ahead: 4 });
  service.answer("0");
  await first;
  service.written.length = 0;
  end = new ServiceFeed(queue, fed, { clock: work.clock, logger: silentLogger }).run();
});

async function assign(...ids: number[]): Promise<void> {
  call.assign(...ids);
  await turns();
}

/** Tasks 1 to `count` run, without taking any time, so that the feed knows that they are short. */
async function warmUp(count: number): Promise<void> {
  for (let id = 1; id <= count; id++) {
    await assign(id);
    service.answer(String(id));
    await turns();
  }
  service.written.length = 0;
  sections.length = 0;
}

describe("a service that takes tasks ahead", () => {
  test("has some in one message before it asks, and no more than it takes", async () => {
    await warmUp(1);
    await assign(2, 3, 4, 5, 6, 7, 8, 9);
    expect(service.sent).toEqual([["2", "3", "4", "5", "6"]]);
    service.answer("2");
    await turns();
    // By halves, so that a message has more than one task.
    expect(service.sent).toHaveLength(1);
    service.answer("3");
    await turns();
    expect(service.sent.slice(1)).toEqual([["7", "8"]]);
    expect(sections).toEqual(["2", "3", "4"]);
    expect(call.results).toEqual(["L1", "L2", "L3"]);
  });

  test("gets one more task before it is known how long tasks take", async () => {
    await assign(1, 2, 3, 4);
    expect(service.sent).toEqual([["1", "2"]]);
  });

  test("is asked for what it has not begun when a task takes longer than 20 ms, once", async () => {
    await warmUp(1);
    await assign(2, 3, 4);
    await work.clock.pass(19);
    expect(service.recalls).toBe(0);
    await work.clock.pass(2);
    expect(service.recalls).toBe(1);
    await work.clock.pass(100);
    expect(service.recalls).toBe(1);
    service.say({ recalled: { taskIds: ["3", "4"] } });
    await turns();
    // They wait here again, and are given back at once when they are wanted.
    expect(service.sent).toEqual([["2", "3", "4"]]);
    call.say({ takeBacks: [{ executorId: "e1", leases: ["L3", "L4"] }] });
    await turns();
    expect(call.returned).toEqual(["L3", "L4"]);
    service.answer("2");
    await turns();
    expect(call.results).toEqual(["L1", "L2"]);
  });

  test("gets nothing before it has answered a recall", async () => {
    await warmUp(1);
    await assign(2, 3);
    call.say({ takeBacks: [{ executorId: "e1", leases: ["L3"] }] });
    await assign(4);
    expect(service.recalls).toBe(1);
    expect(call.returned).toEqual([]);
    expect(service.sent).toEqual([["2", "3"]]);
    service.say({ recalled: { taskIds: ["3"] } });
    await turns();
    expect(call.returned).toEqual(["L3"]);
    expect(service.sent).toEqual([["2", "3"], ["4"]]);
  });

  test("answers a take-back with nothing but what runs when what is wanted has begun meanwhile", async () => {
    await warmUp(1);
    await assign(2, 3);
    call.say({ takeBacks: [{ executorId: "e1", leases: ["L3"] }] });
    service.answer("2");
    service.say({ recalled: { taskIds: [] } });
    await turns();
    expect(call.written.flatMap(({ returns }) => returns)).toEqual([
      { executorId: "e1", leases: [], begun: "L3" },
    ]);
    service.answer("3");
    await turns();
    expect(call.results).toEqual(["L1", "L2", "L3"]);
  });

  test("gets no more while it does not read, and goes on when it does", async () => {
    await warmUp(1);
    service.takesMore = false;
    await assign(2);
    await assign(3);
    expect(service.sent).toEqual([["2"]]);
    service.takesMore = true;
    service.drain();
    await turns();
    expect(service.sent).toEqual([["2"], ["3"]]);
  });

  test("gets no more than 1 MiB of inputs ahead, but any one task", async () => {
    await warmUp(1);
    const large = Buffer.alloc(700_000);
    call.say({ assignments: [2, 3, 4].map((id) => assignment(id, large)) });
    await turns();
    expect(service.sent).toEqual([["2"]]);
    const huge = Buffer.alloc(5_000_000);
    service.answer("2");
    await turns();
    call.say({ assignments: [assignment(5, huge)] });
    for (const id of ["3", "4", "5"]) {
      expect(service.sent.at(-1)?.[0]).toBe(id);
      service.answer(id);
      await turns();
    }
    expect(call.results).toEqual(["L1", "L2", "L3", "L4", "L5"]);
  });

  test("that dies takes the task that ran, and none behind it", async () => {
    await warmUp(1);
    await assign(2, 3, 4);
    service.answer("2");
    service.fail("gone");
    expect(await end).toBe("crashed");
    await turns();
    expect(call.returned).toEqual(["L4"]);
    expect(call.written.flatMap(({ completions }) => completions).slice(1)).toMatchObject([
      { lease: "L2", returnCode: 0 },
      { lease: "L3", returnCode: 18, message: expect.stringMatching(/^lost with 3: .*gone/) },
    ]);
    // What it says now changes nothing.
    service.answer("3", "4");
    await turns();
    expect(call.results).toEqual(["L1", "L2", "L3"]);
  });

  test("that dies between two tasks takes none", async () => {
    await warmUp(2);
    service.fail("gone");
    expect(await end).toBe("idle");
    expect(call.results).toEqual(["L1", "L2"]);
    await assign(3);
    expect(await queue.next()).toMatchObject({ taskId: "3" });
  });

  test.each<[string, () => void, RegExp]>([
    ["answers out of order", () => service.answer("3"), /answered task "3" when task 2 was due/],
    [
      "answers a task twice",
      () => service.answer("2", "2"),
      /answered task "2" when task 3 was due/,
    ],
    [
      "gives back what nobody asked for",
      () => service.say({ recalled: { taskIds: ["4"] } }),
      /gave back tasks that nobody had asked for/,
    ],
    ["ends its stream", () => service.end(), /ended its stream of tasks/],
    ["breaks its connection", () => service.fail("oops"), /oops/],
    [
      "says what is no result",
      () => service.tell(Buffer.alloc(32, 0xff)),
      /sent what is no result: a message of 4294967295 bytes/,
    ],
  ])("that %s has ended: one task is told why, those behind it go back", async (_, act, why) => {
    await warmUp(1);
    await assign(2, 3, 4);
    act();
    expect(await end).toBe("crashed");
    await turns();
    const last = call.written.flatMap(({ completions }) => completions).at(-1);
    expect(last).toMatchObject({ returnCode: 18, message: expect.stringMatching(why) });
    const begun = call.results.length;
    expect(call.returned).toEqual(["L1", "L2", "L3", "L4"].slice(begun));
  });

  test.each([
    ["the task that runs", ["2", "3", "4"]],
    ["too few of them in the middle", ["3"]],
    ["tasks that it never had", ["8", "9"]],
    ["more than it had", ["3", "4", "4"]],
    ["them in another order", ["4", "3"]],
  ])("that answers a recall with %s has ended", async (_, taskIds) => {
    await warmUp(1);
    await assign(2, 3, 4);
    call.say({ takeBacks: [{ executorId: "e1", leases: ["L4"] }] });
    await turns();
    service.say({ recalled: { taskIds } });
    expect(await end).toBe("crashed");
    expect(service.cancelled).toBe(true);
    await turns();
    expect(call.results).toEqual(["L1", "L2"]);
    expect(call.returned.toSorted()).toEqual(["L3", "L4"]);
  });

  test("answers no task when none runs", async () => {
    await warmUp(1);
    service.answer("1");
    expect(await end).toBe("idle");
    expect(service.cancelled).toBe(true);
    expect(call.results).toEqual(["L1"]);
  });

  test("of an executor that is to leave finishes what it has", async () => {
    await warmUp(1);
    await assign(2, 3);
    call.say({ leaves: [{ executorId: "e1" }] });
    service.answer("2");
    expect(await soon(end)).toBe("waits");
    service.answer("3");
    expect(await end).toBe("done");
  });

  test("of an executor that drains gives back what it has not begun, and finishes its task", async () => {
    await warmUp(1);
    await assign(2, 3);
    queue.shut();
    await turns();
    expect(service.recalls).toBe(1);
    service.say({ recalled: { taskIds: ["3"] } });
    await turns();
    expect(call.returned).toEqual(["L3"]);
    expect(await soon(end)).toBe("waits");
    service.answer("2");
    expect(await end).toBe("done");
    await turns();
    expect(call.results).toEqual(["L1", "L2"]);
  });

  test("begins nothing that came while the session manager is away for long", async () => {
    await warmUp(1);
    await work.clock.pass(21_000);
    // Not by its stream: that would be a word of the session manager.
    queue.take(assignment(2));
    await turns();
    expect(service.sent).toEqual([]);
    work.stream.heard();
    await turns();
    expect(service.sent).toEqual([["2"]]);
  });
});

describe("a task that waits for tasks of its own", () => {
  beforeEach(() => assign(1));

  async function awaits(...sessionIds: string[]): Promise<void> {
    service.say({ awaits: { sessionIds } });
    await turns();
  }

  test("is told of when it has waited for 10 ms, and again when it waits for others or goes on", async () => {
    await awaits("inner");
    await work.clock.pass(9);
    await turns();
    expect(call.awaits).toEqual([]);
    await work.clock.pass(1);
    await turns();
    await awaits("inner", "another");
    await awaits();
    expect(call.awaits).toEqual(["L1 inner", "L1 inner,another", "L1 "]);
  });

  test("is not told of when it goes on or ends sooner", async () => {
    await awaits("inner");
    await awaits();
    await awaits("inner");
    service.answer("1");
    await assign(2);
    await work.clock.pass(100);
    await turns();
    expect([call.awaits, call.results]).toEqual([[], ["L1"]]);
  });

  test("is told of behind the results before it, in however many messages these are", async () => {
    const output = Buffer.alloc(700_000);
    const succeed = async (taskId: string): Promise<void> => {
      service.say({ answers: [{ taskId, result: { returnCode: 0, output, message: undefined } }] });
      await turns();
    };
    // The connection takes the first of them, and then nothing for a while.
    call.takesMore = false;
    await succeed("1");
    await assign(2, 3, 4);
    await succeed("2");
    await succeed("3");
    await awaits("inner");
    await work.clock.pass(10);
    call.takesMore = true;
    call.emit("drain");
    await turns();
    const told = call.written.map(({ completions, awaits }) =>
      [...completions, ...awaits].map(({ lease }) => lease).join(),
    );
    expect(told.filter((leases) => leases !== "")).toEqual(["L1", "L2", "L3,L4"]);
  });

  test("is told of on each new stream as long as it waits", async () => {
    await awaits("inner");
    await work.clock.pass(10);
    const next = await work.open();
    expect(next.awaits).toEqual(["L1 inner"]);
    service.answer("1");
    const last = await work.open();
    expect(last.awaits).toEqual([]);
  });
});

test("a service that says that it waits when nothing runs is not heard", async () => {
  service.say({ awaits: { sessionIds: ["inner"] } });
  await work.clock.pass(100);
  await assign(1);
  await work.clock.pass(100);
  await turns();
  expect(call.awaits).toEqual([]);
});
