import { beforeEach, describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import { gib, Machine } from "./machine.ts";
import { WorkNode } from "./work-node.ts";

const room = { cpu: 1, memory: 8 * gib, gpu: 0 };

let machine: Machine;

/** Session `s` with an executor on each of two nodes, e1 on n1 and e2 on n2, both of which wait for tasks. */
function begin(works: { readonly n1: boolean; readonly n2: boolean }): void {
  machine = new Machine({ nodeSilenceMs: 1_000_000 });
  machine.register("app");
  machine.node("n1", room, [], { works: works.n1 });
  machine.node("n2", room, [], { works: works.n2 });
  machine.open("s", { minInstances: 2 });
  machine.walk("e1", "Bound");
  machine.walk("e2", "Bound");
  expect(machine.executors).toEqual(["e1 Bound s", "e2 Bound s"]);
}

/** The session manager starts again, and n2 alone comes back, with its executor, which asks for work. */
async function restart(): Promise<WorkNode> {
  await machine.restart();
  machine.node("n2", room, ["e2"], { state: "Bound", works: true });
  const node = new WorkNode(machine, "n2");
  node.ready("e2", 1, []);
  return node;
}

describe("what was Pending before a restart", () => {
  beforeEach(() => begin({ n1: true, n2: true }));

  it("waits for an executor that may hold it until its node is given up", async () => {
    machine.task("s");
    const node = await restart();
    expect(node.heard()).toEqual([]);
    for (let second = 0; second < 30; second++) {
      expect(node.heard()).toEqual([]);
      machine.pass(1_000);
      node.ready("e2", 1);
    }
    expect(node.heard()).toEqual(["e2 gets 1 as 2.1/1"]);
  });

  it("goes at once to others when the executor had begun to leave: it has given everything back", async () => {
    machine.ask("executor.unbind", { id: "e1" });
    machine.task("s");
    const node = await restart();
    expect(machine.executor("e1")?.state).toBe("Unbinding");
    expect(node.heard()).toEqual(["e2 gets 1 as 2.1/1"]);
  });

  it("waits for an executor whose running task was ended: its node may have gone on with what waited there", async () => {
    const first = new WorkNode(machine, "n1");
    machine.task("s");
    machine.task("s");
    first.ready("e1", 2, []);
    const cancel = { sessionId: "s", pendingOnly: false, close: false, caller: internalCaller };
    machine.ask("session.cancel", { ...cancel, taskIds: [1] });
    const node = await restart();
    expect(machine.executor("e1")?.state).toBe("Releasing");
    expect(node.heard()).toEqual([]);
    machine.ask("executor.unregister", { id: "e1" });
    expect(node.heard()).toEqual(["e2 gets 2 as 2.1/1"]);
  });
});

describe("what was Pending before a restart, beside a published node", () => {
  it("does not wait for an executor of a published executor manager, at which nothing waits", async () => {
    begin({ n1: false, n2: true });
    machine.task("s");
    const node = await restart();
    expect(machine.executor("e1")?.state).toBe("Bound");
    expect(node.heard()).toEqual(["e2 gets 1 as 2.1/1"]);
  });
});
