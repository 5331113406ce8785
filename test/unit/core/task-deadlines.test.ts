import { beforeEach, describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import { gib, Machine } from "./machine.ts";
import { openSession, statesOf } from "./work-node.ts";

let machine: Machine;

beforeEach(() => {
  machine = new Machine();
  // The date and the time in which deadlines are counted have nothing to do with each other.
  machine.dateAheadMs = 1_790_000_000_000;
  machine.register("app");
  machine.open("s");
});

const create = (timeoutMs?: number, sessionId = "s"): void => {
  machine.ask("task.create", { sessionId, ...(timeoutMs !== undefined && { timeoutMs }) });
};
const stored = (id = 1, sessionId = "s"): TaskRecord => machine.tables.task(sessionId, id)!;
const counts = () => machine.ask("session.get", { id: "s" }).counts;
const deadlines = (): number => machine.state.sessions.taskDeadlines.held;
const cancel = { sessionId: "s", pendingOnly: false, close: false, caller: internalCaller };

/** Task 1 runs on e1 of node n1. */
function serve(): void {
  machine.node("n1", { cpu: 1, memory: 8 * gib, gpu: 0 });
  machine.walk("e1", "Bound");
  machine.ask("executor.launch", { id: "e1" });
}

describe("the deadline of a task", () => {
  it("is stored with it as a date, and ends it where it waits: Failed, with a text that says what to do", () => {
    create(5_000);
    create();
    const watch = machine.begin("task.watch", { sessionId: "s", taskId: 1 });
    expect(stored().deadline).toBe(stored().creationTime + 5_000);
    expect(stored(2).deadline).toBeUndefined();
    machine.pass(4_999);
    expect(statesOf(machine)).toBe("PP");
    machine.pass(1);
    expect(statesOf(machine)).toBe("FP");
    expect(stored()).toMatchObject({
      attempt: 0,
      completionTime: machine.now + machine.dateAheadMs,
    });
    expect(stored().events.slice(-2)).toMatchObject([
      { code: 1102, message: "its deadline passed while it waited" },
      {
        code: 3,
        message:
          "the task did not end within 5 s of its submit, which is the timeout that it was submitted with: it waited for an executor; give it more time, or the session more executors (flmctl view session s tells what it waits for)",
      },
    ]);
    expect(watch.pushes).toMatchObject([{ task: { state: "Failed" } }]);
    expect(watch.ended).toBe(true);
    expect(counts()).toMatchObject({ pending: 1, failed: 1, running: 0 });
    expect(machine.state.sessions.openTasks).toBe(1);
  });

  it("ends it where it runs, and its service as task_timeout does", () => {
    create(5_000);
    machine.pass(3_000);
    serve();
    machine.pass(1_999);
    expect(stored().state).toBe("Running");
    machine.pass(1);
    expect(stored().events.slice(-2)).toMatchObject([
      { code: 1102, message: "its deadline passed on executor e1 of node n1" },
      {
        code: 3,
        message:
          "the task did not end within 5 s of its submit, which is the timeout that it was submitted with: it ran on node n1; give it more time, or make it do less",
      },
    ]);
    expect(stored()).toMatchObject({ state: "Failed", crashes: 0, lostNodes: 0 });
    expect(machine.executor("e1")?.state).toBe("Releasing");
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    expect(stored().state).toBe("Failed");
  });

  it("counts on over attempts, where task_timeout counts anew", () => {
    create(5_000);
    serve();
    machine.pass(3_000);
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 18 } });
    machine.ask("executor.launch", { id: "e1" });
    expect(stored()).toMatchObject({ state: "Running", attempt: 2 });
    machine.pass(2_000);
    expect(stored().state).toBe("Failed");
  });

  it("takes it back at once from the queue of an executor, those beside it stay there", () => {
    machine = new Machine();
    machine.register("app");
    const node = openSession(machine, 0);
    create();
    create(5_000);
    create();
    node.ready("e1", 3, []);
    node.heard();
    machine.pass(5_000);
    expect(statesOf(machine)).toBe("RFP");
    expect(node.heard()).toEqual(["takeBack e1 1.2/1"]);
    // It ran after all: the result comes too late.
    node.done("e1", "1.1/1", "1.2/1");
    expect(statesOf(machine)).toBe("SFR");
  });

  it("goes on over a restart, however the date was set meanwhile: nobody gets more than was said", async () => {
    create(5_000);
    machine.pass(3_000);
    await machine.restart();
    machine.pass(1_999);
    expect(stored().state).toBe("Pending");
    machine.pass(1);
    expect(stored().state).toBe("Failed");
    create(5_000);
    machine.dateAheadMs -= 1_000_000;
    await machine.restart();
    machine.pass(5_000);
    expect(stored(2).state).toBe("Failed");
    create(5_000);
    machine.dateAheadMs += 1_000_000;
    await machine.restart();
    machine.pass(0);
    expect(stored(3).state).toBe("Failed");
  });

  it("goes on over a restart for one that runs, and for one that waits for the word of its executor", async () => {
    create(5_000);
    serve();
    await machine.restart();
    machine.pass(5_000);
    expect(stored().state).toBe("Failed");
    expect(machine.executor("e1")?.state).toBe("Releasing");
    machine = new Machine();
    machine.register("app");
    const node = openSession(machine, 2);
    create(5_000);
    node.ready("e1", 1, []);
    await machine.restart();
    expect(machine.state.sessions.get("s").pending.frozen).toBeGreaterThan(0);
    machine.pass(5_000);
    expect(stored(3).state).toBe("Failed");
    expect(counts().failed).toBe(1);
  });

  it("is over with it: nothing is left of it, and a later session of that name does not meet it", () => {
    for (let count = 0; count < 200; count++) create(3_600_000);
    machine.ask("session.cancel", { ...cancel, taskIds: [1] });
    machine.ask("session.cancel", { ...cancel, close: true });
    expect(deadlines()).toBeLessThanOrEqual(64);
    machine.ask("session.delete", { id: "s" });
    machine.open("s");
    create();
    machine.pass(3_600_000);
    expect(stored().state).toBe("Pending");
  });

  it("is over with a task that has ended in time", () => {
    create(5_000);
    serve();
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    machine.pass(5_000);
    expect(stored().state).toBe("Succeed");
    expect(machine.executor("e1")?.state).toBe("Bound");
  });

  it("passes for many in turns of 500, each at the moment that is due", () => {
    for (let count = 0; count < 1_200; count++) create(5_000);
    machine.now += 5_000;
    const failed = (): number => counts().failed;
    machine.begin("tick", {});
    expect(failed()).toBe(500);
    machine.pass(0);
    expect(failed()).toBe(1_200);
  });

  it("costs nothing where there is none", () => {
    for (let count = 0; count < 100; count++) create();
    expect(deadlines()).toBe(0);
  });
});

describe("a batch of submits", () => {
  it("gives each task its own deadline; a number that comes again keeps the first one", () => {
    const batch = {
      sessionId: "s",
      producer: "p",
      first: 1,
      inputs: [undefined, undefined, undefined],
      timeoutsMs: [5_000, undefined, 7_000],
    };
    machine.ask("submit.tasks", batch);
    machine.pass(4_000);
    machine.ask("submit.tasks", batch);
    machine.pass(1_000);
    expect(statesOf(machine)).toBe("FPP");
    machine.pass(2_000);
    expect(statesOf(machine)).toBe("FPF");
  });
});
