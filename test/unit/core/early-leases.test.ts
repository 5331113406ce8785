import { beforeEach, describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import { serviceCrashCode } from "../../../src/model/task.ts";
import { gib, Machine } from "./machine.ts";
import { held, openSession, statesOf, WorkNode } from "./work-node.ts";

const room = { cpu: 4, memory: 8 * gib, gpu: 0 };

let machine: Machine;
beforeEach(() => {
  machine = new Machine();
  machine.register("app");
});

const states = (): string => statesOf(machine);
const open = (tasks: number, executors = 1): WorkNode => openSession(machine, tasks, executors);

describe("a lease that may leave before the turn that makes it is on disk", () => {
  const leases = (): unknown[] =>
    machine.early.splice(0).map((one) => (one as { lease: string }).lease);

  it("is of a task that was never at an executor, and nothing else may", () => {
    const node = open(1);
    node.ready("e1", 4, []);
    node.done("e1", "1.1/1");
    expect(leases()).toEqual(["1.1/1"]);
    machine.task("s");
    machine.task("s");
    expect(leases()).toEqual(["1.2/1", "1.3/1"]);
    node.say({ returns: [{ executorId: "e1", leases: ["1.3/1"] }] });
    expect(node.heard().at(-1)).toBe("e1 gets 3 as 1.4/1");
    expect(leases()).toEqual([]);
  });

  it("is of a task that has waited on disk for an executor as well", () => {
    const node = open(2);
    expect(leases()).toEqual([]);
    node.ready("e1", 1, []);
    expect(leases()).toEqual(["1.1/1"]);
    node.done("e1", "1.1/1");
    expect(leases()).toEqual(["1.2/1"]);
  });

  it("is not of a task that another term made: what executors of before have is known to them alone", async () => {
    open(1).ready("e1", 0, []);
    await machine.restart();
    machine.node("n1", room, ["e1"], { state: "Bound", works: true });
    leases();
    const node = new WorkNode(machine, "n1");
    node.ready("e1", 1, []);
    expect(node.heard()).toEqual(["e1 gets 1 as 2.1/1"]);
    expect(leases()).toEqual([]);
  });

  it("is not of a task whose executor is told to end before it has begun it", () => {
    const node = open(1, 2);
    node.ready("e1", 2, []);
    machine.task("s");
    expect(leases()).toEqual(["1.1/1", "1.2/1"]);
    const cancel = { sessionId: "s", pendingOnly: false, close: false, caller: internalCaller };
    machine.ask("session.cancel", { ...cancel, taskIds: [1] });
    machine.ask("executor.unregister", { id: "e1" });
    node.ready("e2", 2, []);
    expect(node.heard().at(-1)).toBe("e2 gets 2 as 1.3/1");
    expect(leases()).toEqual([]);
  });

  it("is not of a task that began before", () => {
    const node = open(1);
    node.ready("e1", 1, []);
    leases();
    const crash = { returnCode: serviceCrashCode, message: "died" };
    node.say({ completions: [{ executorId: "e1", lease: "1.1/1", outcome: crash }] });
    node.ready("e1", 1);
    expect(node.heard().at(-1)).toBe("e1 gets 1 as 1.2/2");
    expect(leases()).toEqual([]);
  });

  it("is not of a task that began as far as the disk knows, and did not", () => {
    const node = open(1);
    node.ready("e1", 1, []);
    leases();
    machine.pass(1_000);
    node.reopen();
    node.ready("e1", 1, []);
    expect(node.heard()).toEqual(["e1 gets 1 as 1.2/1"]);
    expect(leases()).toEqual([]);
  });

  it("is taken over for no other task of its id, when its own never came to the disk", async () => {
    const first = open(1, 2);
    first.ready("e1", 1, []);
    await machine.restart();
    machine.node("n1", { ...room, cpu: 2 }, ["e1", "e2"], { state: "Bound", works: true });
    const node = new WorkNode(machine, "n1");
    node.ready("e2", 2, held(["1.1/1", 1]));
    // That start handed it out as task 2, and died before the commit that was to make it.
    const lost = held(["1.9/1", 2]);
    machine.task("s");
    await machine.restart();
    machine.node("n1", { ...room, cpu: 2 }, ["e1", "e2"], { state: "Bound", works: true });
    const later = new WorkNode(machine, "n1");
    later.ready("e2", 2, held(["1.1/1", 1]));
    later.heard();
    later.say({
      ready: [{ executorId: "e1", credit: 0, held: lost }],
      completions: [{ executorId: "e1", lease: "1.9/1", outcome: { returnCode: 0 } }],
    });
    const told = later.heard().filter((one) => !one.includes(" gets "));
    expect(told.slice(0, 2)).toEqual(["takeBack e1 1.9/1", "acknowledgement e1 1.9/1"]);
    expect(states()[1]).not.toBe("S");
  });
});
