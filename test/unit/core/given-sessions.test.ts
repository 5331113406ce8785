import { beforeEach, describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import { gib, Machine } from "./machine.ts";
import { held, statesOf, WorkNode } from "./work-node.ts";

let machine: Machine;
let node: WorkNode;

/** A node of four processors that takes executors with their sessions, and whose first executor has registered. */
beforeEach(() => {
  machine = new Machine();
  machine.register("app");
  machine.node("n1", { cpu: 4, memory: 8 * gib, gpu: 0 }, [], { works: true });
  machine.open("first");
  machine.task("first");
  machine.walk("e1", "Bound");
  node = new WorkNode(machine, "n1", undefined, 0, true);
});

/** The service of an executor has entered session `s`. */
function enter(executorId: string, credit = 1): void {
  node.say({ ready: [{ executorId, credit, entered: "s" }] });
}

describe("a new executor of a node that takes sessions on its stream", () => {
  it("comes with its session and a first task, none of it before the disk has it", () => {
    machine.open("s");
    machine.task("s");
    expect(node.heard()).toEqual(["bind e2 s", "e2 gets 1 as 1.1/1"]);
    expect(machine.executors).toEqual(["e1 Bound first", "e2 Binding s"]);
    expect(machine.early).toEqual([]);
    expect(statesOf(machine)).toBe("P");
  });

  it("runs that task as soon as its service has entered, which may be told together with the result", () => {
    machine.open("s");
    machine.task("s");
    machine.task("s");
    enter("e2");
    expect(machine.executor("e2")?.state).toBe("Bound");
    expect(machine.state.sessions.get("s").counts).toMatchObject({ running: 1, pending: 1 });
    node.say({
      ready: [{ executorId: "e3", credit: 1, held: held(["1.2/1", 2]), entered: "s" }],
      completions: [{ executorId: "e3", lease: "1.2/1", outcome: { returnCode: 0 } }],
    });
    expect(statesOf(machine)).toBe("RS");
    expect(machine.executor("e3")?.state).toBe("Bound");
  });

  it("keeps what it was handed although its first word left before that arrived", () => {
    machine.open("s");
    machine.task("s");
    node.say({ ready: [{ executorId: "e2", credit: 4, held: [], entered: "s" }] });
    node.heard();
    node.done("e2", "1.1/1");
    expect(statesOf(machine)).toBe("S");
  });

  it("has one lease and no other before it has entered", () => {
    machine.open("s", { maxInstances: 1 });
    for (let n = 0; n < 3; n++) machine.task("s");
    expect(node.heard()).toEqual(["bind e2 s", "e2 gets 1 as 1.1/1"]);
    node.ready("e2", 4);
    expect(node.heard()).toEqual([]);
    enter("e2", 4);
    expect(node.heard()).toEqual(["e2 gets 2 as 1.2/1", "e2 gets 3 as 1.3/1"]);
  });

  it("is ended when its node had begun a task before it heard that this was cancelled", () => {
    machine.open("s", { maxInstances: 1 });
    machine.task("s");
    node.heard();
    const cancel = { pendingOnly: false, close: false, caller: internalCaller };
    machine.ask("session.cancel", { sessionId: "s", ...cancel });
    expect(node.heard()).toEqual(["takeBack e2 1.1/1"]);
    enter("e2");
    node.say({ returns: [{ executorId: "e2", leases: [], begun: "1.1/1" }] });
    expect(machine.executor("e2")?.state).toBe("Releasing");
  });

  it("gives its task back to one that has nothing to do", () => {
    machine.open("s");
    machine.task("s");
    enter("e2");
    machine.task("s");
    node.heard();
    node.done("e2", "1.1/1");
    expect(node.heard()).toEqual(["acknowledgement e2 1.1/1", "takeBack e3 1.2/1"]);
    node.say({ returns: [{ executorId: "e3", leases: ["1.2/1"] }] });
    expect(node.heard()).toEqual(["e2 gets 2 as 1.3/1"]);
  });

  it("loses its task with its bind, which does not count as an attempt", () => {
    machine.open("s");
    machine.task("s");
    machine.ask("executor.bindCompleted", { id: "e2", outcome: { returnCode: 11 } });
    expect(machine.executor("e2")?.state).toBe("Unbinding");
    const { queued, pending, tasks } = machine.state.sessions.get("s");
    expect([queued, pending.size, tasks.get(1)?.attempt]).toEqual([0, 1, 0]);
  });

  it("is registered and bound by calls where the node does not say so, or never registered one", () => {
    const other = new Machine();
    other.register("app");
    const room = { cpu: 4, memory: 8 * gib, gpu: 0 };
    const watch = other.node("n1", room, [], { works: true });
    const fresh = new WorkNode(other, "n1", undefined, 0, true);
    other.open("s");
    other.task("s");
    expect([fresh.heard(), watch.pushes.length]).toEqual([[], 1]);
    other.walk("e1", "Bound");
    const plain = new WorkNode(other, "n1");
    other.task("s");
    expect([plain.heard(), watch.pushes.length]).toEqual([[], 2]);
    expect(other.executors).toEqual(["e1 Bound s", "e2 Void -"]);
  });
});

describe("the word that a service has entered", () => {
  it("counts for the session with which the executor came, and for no later one", () => {
    machine.open("s");
    machine.task("s");
    node.say({ ready: [{ executorId: "e2", credit: 1, entered: "other" }] });
    expect(machine.executor("e2")?.state).toBe("Binding");
    machine.ask("executor.unbind", { id: "e2" });
    machine.ask("executor.unbindCompleted", { id: "e2" });
    machine.begin("executor.bind", { id: "e2" });
    expect(machine.executor("e2")).toMatchObject({ state: "Binding", sessionId: "s" });
    // Of the first time, and late.
    enter("e2");
    expect(machine.executor("e2")?.state).toBe("Binding");
  });

  it("of an executor whose session was deleted makes it leave", () => {
    machine.open("s", { minInstances: 1 });
    expect(node.heard()).toEqual(["bind e2 s"]);
    machine.ask("session.close", { id: "s" });
    machine.ask("session.delete", { id: "s" });
    enter("e2");
    expect(node.heard()).toEqual(["leave e2"]);
    machine.ask("executor.unbind", { id: "e2" });
    expect(machine.executor("e2")?.state).toBe("Unbinding");
  });
});

describe("a new stream", () => {
  it("brings again what may not have arrived, until the node says that it has entered", () => {
    machine.open("s");
    machine.task("s");
    node.reopen();
    expect(node.heard()).toEqual(["bind e2 s"]);
    // The task was lost with the stream.
    node.say({ ready: [{ executorId: "e2", credit: 1, held: [], entered: "s" }] });
    expect(node.heard()).toEqual(["e2 gets 1 as 1.2/1"]);
    node.reopen();
    expect(node.heard()).toEqual([]);
  });

  it("says of a session that is gone that there is nothing to serve", () => {
    machine.open("s", { minInstances: 1 });
    machine.ask("session.close", { id: "s" });
    machine.ask("session.delete", { id: "s" });
    node.reopen();
    expect(node.heard()).toEqual(["bind e2 nothing"]);
    machine.ask("executor.unregister", { id: "e2" });
    expect(machine.executors).toEqual(["e1 Bound first"]);
  });
});

describe("after a restart", () => {
  const room = { cpu: 4, memory: 8 * gib, gpu: 0 };

  /** The node comes back with e1 and e2, which is still binding. */
  async function restart(binds: boolean): Promise<void> {
    machine.open("s", { maxInstances: 1 });
    machine.task("s");
    await machine.restart();
    machine.node("n1", room, ["e1", "e2"], { state: "Binding", works: true });
    node = new WorkNode(machine, "n1", undefined, 0, binds);
  }

  it("what was Pending waits for the word of an executor that is binding, and runs there when it has it", async () => {
    await restart(true);
    expect(machine.state.sessions.get("s").pending).toMatchObject({ size: 0, frozen: 1 });
    node.say({
      ready: [{ executorId: "e2", credit: 1, held: held(["1.1/1", 1]), entered: "s" }],
    });
    expect(machine.state.sessions.get("s").counts).toMatchObject({ running: 1 });
    node.done("e2", "1.1/1");
    expect(statesOf(machine)).toBe("S");
  });

  it("nothing waits for one whose node takes no sessions on its stream", async () => {
    await restart(false);
    expect(machine.state.sessions.get("s").pending).toMatchObject({ size: 1, frozen: 0 });
  });

  it("nothing waits for one any more that asks for its session", async () => {
    await restart(true);
    expect(machine.state.sessions.get("s").pending).toMatchObject({ size: 0, frozen: 1 });
    machine.begin("executor.bind", { id: "e2" });
    expect(machine.state.sessions.get("s").pending).toMatchObject({ size: 1, frozen: 0 });
  });
});
