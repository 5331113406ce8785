import { beforeEach, describe, expect, it } from "@jest/globals";
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

describe("a lease that may leave before its task is on disk", () => {
  it("is of a task that was just made, and nothing else may", () => {
    const node = open(1);
    node.ready("e1", 4, []);
    node.done("e1", "1.1/1");
    expect(machine.early).toEqual([]);
    machine.task("s");
    machine.task("s");
    expect(machine.early).toMatchObject([
      { lease: "1.2/1", task: { id: 2 } },
      { lease: "1.3/1", task: { id: 3 } },
    ]);
    machine.early.length = 0;
    node.say({ returns: [{ executorId: "e1", leases: ["1.3/1"] }] });
    expect(node.heard().at(-1)).toBe("e1 gets 3 as 1.4/1");
    expect(machine.early).toEqual([]);
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
    expect(later.heard().slice(0, 2)).toEqual(["takeBack e1 1.9/1", "acknowledgement e1 1.9/1"]);
    expect(states()[1]).not.toBe("S");
  });
});
