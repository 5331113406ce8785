import { beforeEach, describe, expect, it } from "@jest/globals";
import { nestingMax } from "../../../src/core/nesting.ts";
import type { PolicyName } from "../../../src/model/scheduling-policy.ts";
import { gib, Machine } from "./machine.ts";
import { held, openSession, WorkNode } from "./work-node.ts";

let machine: Machine;
let node: WorkNode;

function begin(policies?: readonly PolicyName[]): void {
  machine = new Machine(policies === undefined ? {} : { policies });
  machine.register("app");
}

/** A session with one Pending task. */
function wanting(id: string, priority = 0): void {
  machine.open(id, { priority });
  machine.task(id);
}

/** The task of the executor, which it has under `lease`, waits for tasks of these sessions; none: it goes on. */
function awaits(executorId: string, lease: string, ...sessionIds: string[]): void {
  node.say({ awaits: [{ executorId, lease, sessionIds }] });
}

/** Executors that were created and have not registered. */
const coming = (): string[] => machine.executors.filter((line) => line.includes("Void"));

/** The session's task runs at an executor that comes for it; its lease, once it runs. */
function run(executorId: string): string {
  machine.walk(executorId, "Bound");
  node.ready(executorId, 1, []);
  const [lease] = node.heard().flatMap((line) => /gets \d+ as (\S+)$/.exec(line)?.slice(1) ?? []);
  return lease ?? "";
}

// Session `s` has one task, which runs at e1 under 1.1/1 and takes all that node n1 has.
beforeEach(() => {
  begin();
  node = openSession(machine, 1);
  node.ready("e1", 1, []);
  expect(node.heard()).toEqual(["e1 gets 1 as 1.1/1"]);
});

describe("a task that waits for tasks of its own", () => {
  it("leaves its room to them", () => {
    wanting("inner");
    expect(coming()).toEqual([]);
    awaits("e1", "1.1/1", "inner");
    expect(coming()).toHaveLength(1);
    run("e2");
    expect(machine.executor("e2")).toMatchObject({ state: "Bound", sessionId: "inner" });
  });

  it("leaves it to tasks of its own session, which do not wait behind it", () => {
    machine.task("s");
    node.ready("e1", 2);
    expect(node.heard()).toEqual(["e1 gets 2 as 1.2/1"]);
    awaits("e1", "1.1/1", "s");
    machine.walk("e2", "Bound");
    node.ready("e2", 1, []);
    expect(node.heard()).toEqual(["takeBack e1 1.2/1"]);
    node.say({ returns: [{ executorId: "e1", leases: ["1.2/1"] }] });
    expect(node.heard()).toEqual(["e2 gets 2 as 1.3/1"]);
  });

  it("has it again as soon as it goes on", () => {
    awaits("e1", "1.1/1", "inner");
    awaits("e1", "1.1/1");
    wanting("inner");
    expect(coming()).toEqual([]);
  });

  it("has it no more once it has ended, and its executor takes room again", () => {
    awaits("e1", "1.1/1", "inner");
    node.done("e1", "1.1/1");
    machine.task("s");
    wanting("inner");
    expect(machine.executors).toEqual(["e1 Bound s"]);
  });

  it("counts only under the lease that runs, and on its own node", () => {
    machine.node("n2", { cpu: 0, memory: 8 * gib, gpu: 0 }, [], { works: true });
    wanting("inner");
    awaits("e1", "1.9/1", "inner");
    awaits("e9", "1.1/1", "inner");
    const other = new WorkNode(machine, "n2");
    other.say({ awaits: [{ executorId: "e1", lease: "1.1/1", sessionIds: ["inner"] }] });
    expect(coming()).toEqual([]);
  });

  it("takes a place on its node all the while", () => {
    machine = new Machine({ executorsPerNodeMax: 1 });
    machine.register("app");
    node = openSession(machine, 1);
    node.ready("e1", 1, []);
    wanting("inner");
    awaits("e1", "1.1/1", "inner");
    expect(machine.executors).toEqual(["e1 Bound s"]);
  });

  it("is not asked to leave for others, which would win nothing by it", () => {
    machine.task("s");
    wanting("first");
    awaits("e1", "1.1/1", "first");
    wanting("second", 9);
    expect(machine.state.recalls).toEqual([]);
  });

  it("counts as one that works after a restart, until its node says it again", async () => {
    wanting("inner");
    machine.pass(1_000);
    await machine.restart();
    const room = { cpu: 1, memory: 8 * gib, gpu: 0 };
    machine.node("n1", room, ["e1"], { state: "Bound", works: true });
    node = new WorkNode(machine, "n1");
    node.ready("e1", 1, held(["1.1/1", 1]));
    expect(coming()).toEqual([]);
    awaits("e1", "1.1/1", "inner");
    expect(coming()).toHaveLength(1);
  });
});

describe("a session that a task waits for", () => {
  it("has the priority of that task's session, where it is higher", () => {
    begin();
    machine.node("n1", { cpu: 1, memory: 8 * gib, gpu: 0 }, [], { works: true });
    wanting("outer", 5);
    node = new WorkNode(machine, "n1");
    const lease = run("e1");
    wanting("other", 3);
    wanting("inner");
    awaits("e1", lease, "inner");
    machine.walk("e2", "Bound");
    expect(machine.executor("e2")).toMatchObject({ sessionId: "inner" });
  });

  it.each([["priority"], ["priority", "drf"]] as const)(
    "goes before the rest of the session that waits for it, with policies %p and %p",
    (...policies) => {
      begin(policies);
      machine.node("n1", { cpu: 1, memory: 8 * gib, gpu: 0 }, [], { works: true });
      machine.open("outer");
      machine.task("outer");
      machine.task("outer");
      node = new WorkNode(machine, "n1");
      const lease = run("e1");
      wanting("inner");
      awaits("e1", lease, "inner");
      machine.walk("e2", "Bound");
      expect(machine.executor("e2")).toMatchObject({ sessionId: "inner" });
    },
  );

  it("may wait for others, and so on: down to a depth at which tasks keep their room", () => {
    let [executor, lease] = ["e1", "1.1/1"];
    for (let depth = 1; depth <= nestingMax; depth++) {
      wanting(`inner ${depth}`);
      awaits(executor, lease, `inner ${depth}`);
      executor = `e${depth + 1}`;
      lease = run(executor);
      expect(machine.executor(executor)).toMatchObject({ sessionId: `inner ${depth}` });
    }
    wanting("too deep");
    awaits(executor, lease, "too deep");
    expect(coming()).toEqual([]);
    machine.pass(10_000);
    expect(machine.ask("session.get", { id: "too deep" }).record.events.at(-1)?.message).toBe(
      `no executor for 10 s, the tasks wait: ${nestingMax} sessions wait for one another down to this one, and tasks that wait so deep keep their room`,
    );
  });

  it("may wait for the one that waits for it", () => {
    wanting("inner");
    awaits("e1", "1.1/1", "inner");
    const lease = run("e2");
    awaits("e2", lease, "s");
    // Both are as deep as can be: nobody yields, and nothing is taken from them.
    wanting("other");
    expect(coming()).toEqual([]);
  });
});
