import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient, type Session } from "../../../src/client/index.ts";
import { payloadBytesMax } from "../../../src/model/limits.ts";
import { status } from "../../conformance/target.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { TaskStreamClient } from "../../support/task-stream-client.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ScriptedWorkNode } from "./scripted-work-node.ts";

const aborted = 10;
const deadlineMs = 60_000;
const mib = 1024 * 1024;

let manager: ManagerUnderTest;
let client: FlameClient;
let node: ScriptedWorkNode;
const closers: (() => void)[] = [];

beforeEach(async () => {
  manager = await startManager();
  client = new FlameClient({ endpoint: manager.endpoint });
  node = newNode("n1");
});
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  client.close();
  await manager.close();
});

function newNode(name: string, instance?: string): ScriptedWorkNode {
  const made = new ScriptedWorkNode(manager.endpoint, name, instance);
  closers.push(() => made.close());
  return made;
}

/** A session with so many Pending tasks, and one executor on the node that serves it. */
async function serving(tasks: number): Promise<{ session: Session; executor: string }> {
  await node.register();
  const session = await client.createSession({ application: "flmping", maxInstances: 1 });
  for (let n = 1; n <= tasks; n++) await session.createTask(Buffer.from(`in ${n}`));
  return { session, executor: await node.bound() };
}

const states = async (session: Session): Promise<string> => {
  let text = "";
  for await (const { state } of session.listTasks()) text += state.charAt(0);
  return text;
};

describe("a work stream", () => {
  it("hands a submit out with its input and its request while it is being written", async () => {
    const { session, executor } = await serving(1);
    const stream = node.work();
    stream.ready(executor, 4, []);
    const submits = new TaskStreamClient(manager.endpoint.replace("http://", ""));
    closers.push(() => submits.close());
    submits.lane(1, session.id, "p");
    submits.send({ credit: { results: 3, bytes: mib } });
    submits.submit(1, [Buffer.from("one"), undefined, Buffer.alloc(mib, 3)]);
    const given = (await stream.gets(4)).slice(1);
    const [one, two, three] = given.map(({ taskId, input }) => [taskId, input?.length]);
    expect([one, two, three]).toEqual([
      ["2", 3],
      ["3", undefined],
      ["4", mib],
    ]);
    const requests = new Set(given.map(({ requestId }) => requestId));
    expect([requests.size, requests.has("")]).toEqual([1, false]);
    await waitFor("the acknowledgements", () => submits.tasks.size === 3, { deadlineMs });
  });

  it("has its headers at once, hands out as much as an executor takes, and acknowledges results that are durable", async () => {
    const { session, executor } = await serving(4);
    const stream = node.work();
    await waitFor("the headers", () => stream.hasHeaders, { deadlineMs });
    expect(stream.messages).toEqual([]);
    stream.ready(executor, 3, []);
    const given = await stream.gets(3);
    expect(
      given.map(({ taskId, sessionId, executorId }) => [taskId, sessionId, executorId]),
    ).toEqual(["1", "2", "3"].map((taskId) => [taskId, session.id, executor]));
    expect(given.map(({ input }) => input?.toString())).toEqual(["in 1", "in 2", "in 3"]);
    const leases = given.map(({ lease }) => lease);
    expect(new Set(leases).size).toBe(3);
    expect(await states(session)).toMatch(/^[RP]PPP$/);

    stream.done(executor, leases[0] ?? "", Buffer.from("out 1"));
    await waitFor("the acknowledgement", () => stream.acknowledged.length === 1, { deadlineMs });
    expect(stream.acknowledged).toEqual([leases[0]]);
    await stream.gets(4);
    const { state, output } = await session.getTask("1");
    expect([state, output?.toString()]).toEqual(["Succeed", "out 1"]);
    for (const { lease } of stream.assignments.slice(1)) stream.done(executor, lease);
    expect((await session.finished("4")).state).toBe("Succeed");
    // What was acknowledged is on disk.
    await manager.restart();
    expect(await states(session)).toBe("SSSS");
  });

  it("takes what waits at an executor back for another one, and what is cancelled for nobody", async () => {
    await node.register();
    const session = await client.createSession({ application: "flmping", minInstances: 2 });
    const [one, two] = [await node.bound(), await node.bound()];
    const stream = node.work();
    stream.ready(one, 5, []);
    for (let n = 1; n <= 5; n++) await session.createTask();
    const [first, second, third, fourth, fifth] = (await stream.gets(5)).map(({ lease }) => lease);
    stream.ready(two, 5, []);
    await waitFor("the take-back", () => stream.takenBack.length === 2, { deadlineMs });
    expect(stream.takenBack).toEqual([fourth, fifth]);
    stream.say({ returns: [{ executorId: one, leases: [fourth ?? "", fifth ?? ""], begun: "" }] });
    const given = (await stream.gets(7)).slice(5);
    expect(given.map(({ executorId, taskId }) => [executorId, taskId])).toEqual([
      [two, "4"],
      [two, "5"],
    ]);

    await session.cancel("3");
    await waitFor("the take-back", () => stream.takenBack.length === 3, { deadlineMs });
    expect(stream.takenBack.at(-1)).toBe(third);
    // It ran all the same: its result is acknowledged, and dropped.
    for (const lease of [first, second, third]) stream.done(one, lease ?? "");
    for (const { lease } of given) stream.done(two, lease);
    await waitFor("the end", async () => (await states(session)) === "SSCSS", { deadlineMs });
    await waitFor("the last acknowledgement", () => stream.acknowledged.length === 5, {
      deadlineMs,
    });
    await session.close();
    await waitFor("the word to leave", () => stream.leaves.length >= 2, { deadlineMs });
    expect(new Set(stream.leaves)).toEqual(new Set([one, two]));
  });

  it("goes on where it broke: what is held stays, what never arrived is sent again, results are taken once", async () => {
    const { session, executor } = await serving(4);
    const first = node.work();
    first.ready(executor, 4, []);
    const given = await first.gets(4);
    first.cut();
    const held = given
      .slice(0, 3)
      .map(({ lease, sessionId, taskId }) => ({ lease, sessionId, taskId }));
    const second = node.work();
    second.say({
      ready: [{ executorId: executor, credit: 4, opens: true, held, entered: "" }],
      completions: [
        {
          executorId: executor,
          lease: held[0]?.lease ?? "",
          returnCode: 0,
          output: Buffer.from("kept"),
          message: undefined,
        },
      ],
    });
    const [again] = await second.gets(1);
    expect(again?.taskId).toBe("4");
    expect(again?.lease).not.toBe(given[3]?.lease);
    // Repeated, since the node had no acknowledgement; and the result of a lease that was given up.
    second.done(executor, held[0]?.lease ?? "", Buffer.from("again"));
    second.done(executor, given[3]?.lease ?? "", Buffer.from("late"));
    await waitFor("acknowledgements", () => second.acknowledged.length === 3, { deadlineMs });
    expect(await states(session)).toMatch(/^S[RP]PP$/);
    expect((await session.getTask("1")).output?.toString()).toBe("kept");
  });

  it("is adopted by a session manager that was started anew", async () => {
    const { session, executor } = await serving(3);
    const first = node.work();
    first.ready(executor, 2, []);
    const given = await first.gets(2);
    await manager.restart();
    await first.end();
    await node.register(executor);
    const second = node.work();
    second.ready(
      executor,
      2,
      given.map(({ lease, sessionId, taskId }) => ({ lease, sessionId, taskId })),
    );
    for (const { lease } of given) second.done(executor, lease);
    const [third] = await second.gets(1);
    expect(third?.taskId).toBe("3");
    expect(given.map(({ lease }) => lease)).not.toContain(third?.lease);
    second.done(executor, third?.lease ?? "");
    expect((await session.finished("3")).state).toBe("Succeed");
    expect(await states(session)).toBe("SSS");
    expect((await session.getTask("1")).events.map(({ message }) => message).join()).not.toMatch(
      /lost|crash/,
    );
  });

  it("is ended cleanly when its node registers anew, another stream takes its place, and the node is released", async () => {
    await node.register();
    const first = node.work();
    await waitFor("the headers", () => first.hasHeaders, { deadlineMs });
    const second = node.work();
    expect(await first.end()).toEqual({ code: 0, details: "" });
    await node.register();
    expect(await second.end()).toEqual({ code: 0, details: "" });
    const third = node.work();
    await waitFor("the headers", () => third.hasHeaders, { deadlineMs });
    await node.release();
    expect(await third.end()).toEqual({ code: 0, details: "" });
  });

  it("keeps inputs back while the node does not read, and fails no other call meanwhile", async () => {
    await node.register();
    const session = await client.createSession({ application: "flmping", maxInstances: 1 });
    const input = Buffer.alloc(2 * mib, 7);
    for (let n = 0; n < 24; n++) await session.createTask(input);
    const executor = await node.bound();
    const stream = node.work();
    await waitFor("the headers", () => stream.hasHeaders, { deadlineMs });
    stream.stopReading();
    stream.ready(executor, 24, []);
    const running = async () => (await client.getSession(session.id)).running === 1;
    await waitFor("the first to begin", running, { deadlineMs });
    await session.cancel("24");
    stream.readOn();
    const given = await stream.gets(23);
    expect(given.slice(0, 23).every(({ input: got }) => got?.equals(input))).toBe(true);
    // One large input is a message of its own, and no message has more than one.
    expect(Math.max(...stream.messages.map(({ assignments }) => assignments.length))).toBe(1);
    await waitFor("the take-back of the cancelled one", () => stream.takenBack.length === 1, {
      deadlineMs,
    });
    const order = stream.messages.flatMap(({ assignments, takeBacks }) => [
      ...takeBacks.flatMap(({ leases }) => leases.map((lease) => `back ${lease}`)),
      ...assignments.map(({ lease }) => `out ${lease}`),
    ]);
    const back = stream.takenBack[0] ?? "";
    // A node reads what is taken back first: it must have the task by then.
    const isSent = order.includes(`out ${back}`);
    expect(isSent ? order.indexOf(`out ${back}`) : -1).toBeLessThan(order.indexOf(`back ${back}`));
  });

  it("fails a task whose result is larger than a payload, and refuses a message that nobody takes", async () => {
    const { session, executor } = await serving(2);
    const stream = node.work();
    stream.ready(executor, 2, []);
    const [first, second] = await stream.gets(2);
    stream.done(executor, first?.lease ?? "", Buffer.alloc(payloadBytesMax + 1));
    const task = await session.finished("1");
    expect(task.state).toBe("Failed");
    expect(task.events.at(-1)?.message).toMatch(/output.*put_object/s);
    stream.done(executor, second?.lease ?? "", Buffer.alloc(130 * mib));
    expect((await stream.end()).code).toBe(status.resourceExhausted);
    expect(await states(session)).toMatch(/^F[RP]$/);
  });
});

describe("a work stream that says what cannot be", () => {
  it("needs the name of a node first, and once", async () => {
    await node.register();
    const nameless = node.silentWork();
    nameless.say({ returns: [] });
    expect(await nameless.end()).toEqual({
      code: status.invalidArgument,
      details:
        "Work: the first message names no node: expected hello.node, as it was registered with RegisterNode",
    });
    const twice = node.work();
    twice.say({ hello: { node: "n2", instance: "", warm: 0, binds: false } });
    expect(await twice.end()).toEqual({
      code: status.invalidArgument,
      details:
        'Work: a message after the first one has a hello (node "n2"): one stream is of one node; open another one',
    });
  });

  it("is refused to who has not registered, and to another start of the executor manager", async () => {
    expect(await node.work().end()).toEqual({
      code: status.invalidArgument,
      details: "Work: node n1 is not known: it must register first (RegisterNode)",
    });
    const own = newNode("n1", "one");
    await own.register();
    const stranger = await newNode("n1", "two").work().end();
    expect(stranger.code).toBe(aborted);
    expect(stranger.details).toMatch(
      /^Work: another executor manager has registered as node n1 since, from 127\.0\.0\.1:\d+: register again/,
    );
    const stream = own.work();
    await waitFor("the headers", () => stream.hasHeaders, { deadlineMs });
    expect(stream.ended).toBeUndefined();
  });

  it("names the field of an executor without an id, and a task that is no number", async () => {
    await node.register();
    const stream = node.work();
    stream.say({ returns: [{ executorId: "", leases: ["x"], begun: "" }] });
    expect(await stream.end()).toEqual({
      code: status.invalidArgument,
      details: "Work: returns[0].executor_id is empty: expected the id of an executor of this node",
    });
    const nested = node.work();
    nested.say({ awaits: [{ executorId: "", lease: "x", sessionIds: ["s"] }] });
    expect(await nested.end()).toEqual({
      code: status.invalidArgument,
      details: "Work: awaits[0].executor_id is empty: expected the id of an executor of this node",
    });
    const other = node.work();
    other.ready("e", 1, [{ lease: "x", sessionId: "s", taskId: "one" }]);
    expect(await other.end()).toEqual({
      code: status.invalidArgument,
      details: 'invalid task id: got "one", expected a decimal number such as 1',
    });
  });

  it("touches no executor of another node, and tells whoever it names of its own to leave", async () => {
    const { session, executor } = await serving(1);
    const stream = node.work();
    stream.ready(executor, 1, []);
    const [given] = await stream.gets(1);
    const other = newNode("n2");
    await other.register();
    const theirs = other.work();
    theirs.ready(executor, 9, []);
    theirs.done(executor, given?.lease ?? "");
    await waitFor("an answer", () => theirs.leaves.length === 1, { deadlineMs });
    expect(theirs.leaves).toEqual([executor]);
    expect((await session.getTask("1")).state).not.toBe("Succeed");
    stream.done(executor, given?.lease ?? "");
    expect((await session.finished("1")).state).toBe("Succeed");
  });
});
