import { beforeEach, describe, expect, it } from "@jest/globals";
import { leaseOf, type TaskRecord } from "../../../src/model/task.ts";
import { Machine } from "./machine.ts";

let machine: Machine;
let task: TaskRecord;

/** Task 1 of `s` runs on e1, task 2 is Pending, and the process ends. */
beforeEach(async () => {
  machine = new Machine();
  machine.register("app");
  machine.node("n1");
  machine.open("s", { maxInstances: 1, commonData: Buffer.from("data") });
  machine.task("s");
  machine.task("s");
  machine.walk("e1", "Bound");
  task = machine.ask("executor.launch", { id: "e1" }).task!;
  await machine.restart();
});

const state = (id = 1): string | undefined => machine.tables.task("s", id)?.state;

describe("after a restart", () => {
  it("everything is there, and nodes are not Ready until they register", () => {
    expect(machine.ask("application.list", {}).map(({ name }) => name)).toEqual(["app"]);
    expect(machine.ask("session.get", { id: "s" })).toMatchObject({
      record: { state: "Open", commonDataBytes: 4 },
      counts: { pending: 1, running: 1 },
    });
    expect(machine.executors).toEqual(["e1 Bound s"]);
    expect(machine.ask("node.get", { name: "n1" }).state).toBe("Unknown");
    expect(machine.ask("task.get", { sessionId: "s", taskId: 1 })).toEqual({ task });
  });

  it("task ids go on", () => {
    expect(machine.task("s").id).toBe(3);
  });

  it("a result that an executor delivers before its node is back ends the task", () => {
    const outcome = { returnCode: 0, output: Buffer.from("out") };
    machine.ask("executor.complete", { id: "e1", outcome, lease: leaseOf(task) });
    expect(state()).toBe("Succeed");
    expect(machine.ask("executor.launch", { id: "e1" }).task?.id).toBe(2);
  });

  it("a task whose executor is still there is not run again", () => {
    machine.node("n1", undefined, ["e1"]);
    expect(state()).toBe("Running");
    expect(machine.ask("executor.launch", { id: "e1" }).task).toEqual(task);
  });

  it("a task whose node came back without its executor is Pending at once", () => {
    machine.node("n1");
    expect(state()).toBe("Pending");
  });

  it("a task whose node does not come back is Pending after 30 s", () => {
    machine.pass(29_999);
    expect(state()).toBe("Running");
    machine.pass(1);
    expect(state()).toBe("Pending");
    expect(machine.ask("node.get", { name: "n1" }).state).toBe("NotReady");
  });

  it("a second restart begins the 30 s anew", async () => {
    machine.pass(29_000);
    await machine.restart();
    machine.pass(29_000);
    expect(state()).toBe("Running");
  });

  it("watchers come back and hear the rest", () => {
    const watching = machine.begin("task.watch", { sessionId: "s", taskId: 1 });
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    expect(watching).toMatchObject({ pushes: [{ task: { state: "Succeed" } }], ended: true });
  });

  it("an Idle executor is bound to what waits as soon as its node is back", async () => {
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    machine.ask("executor.unbind", { id: "e1" });
    machine.ask("executor.unbindCompleted", { id: "e1" });
    expect(machine.executors).toEqual(["e1 Idle -"]);
    await machine.restart();
    machine.node("n1", undefined, ["e1"]);
    expect(machine.executors).toEqual(["e1 Binding s"]);
  });
});
