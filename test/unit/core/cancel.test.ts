import { beforeEach, describe, expect, it } from "@jest/globals";
import type { CancelReply, CancelRequest } from "../../../src/core/cancel-request.ts";
import type { Caller } from "../../../src/model/caller.ts";
import { leaseOf, type TaskRecord, type TaskReply } from "../../../src/model/task.ts";
import { type Call, gib, Machine } from "./machine.ts";

const alice: Caller = { name: "alice", from: "10.0.0.7:4711", authenticatedBy: "mtls" };

let machine: Machine;
let stream: Call<"node.watch">;

beforeEach(() => {
  machine = new Machine();
  machine.register("app");
});

function begin(options: { endsServices?: boolean } = {}): void {
  stream = machine.node("n1", { cpu: 2, memory: 8 * gib, gpu: 0 }, [], options);
  machine.open("s");
}

const cancel = (request: Partial<CancelRequest> = {}): CancelReply =>
  machine.ask("session.cancel", {
    sessionId: "s",
    pendingOnly: false,
    close: false,
    caller: alice,
    ...request,
  });
const stored = (id: number): TaskRecord => machine.tables.task("s", id)!;
const launch = (id = "e1"): TaskRecord => machine.ask("executor.launch", { id }).task!;
const states = (pushes: readonly TaskReply[]): string[] =>
  pushes.map((push) => ("stored" in push ? "stored" : push.task.state));
/** Executors that the node was told to forget. */
const forgotten = (): string[] =>
  stream.pushes.filter(({ released }) => released).map(({ executor }) => executor.id);
const counts = () => machine.ask("session.get", { id: "s" }).counts;
const nothing = { cancelled: 0, ended: 0, over: 0, running: 0, closed: false, busyNodes: [] };

/** Task 1 runs on e1. */
function serve(): TaskRecord {
  machine.task("s");
  machine.walk("e1", "Bound");
  return launch();
}

describe("a running task that is cancelled", () => {
  it("is Failed for good, with event 3 that names who did it and an event of ours that says from where", () => {
    begin();
    serve();
    const watch = machine.begin("task.watch", { sessionId: "s", taskId: 1 });
    expect(cancel({ taskIds: [1] })).toEqual({ ...nothing, ended: 1 });
    expect(stored(1)).toMatchObject({ state: "Failed", completionTime: machine.now });
    expect(stored(1).executorId).toBeUndefined();
    expect(stored(1).events.slice(-2)).toMatchObject([
      { code: 1101, message: "cancelled by alice (mtls, from 10.0.0.7:4711)" },
      { code: 3, message: "cancelled by alice" },
    ]);
    expect(states(watch.pushes)).toEqual(["Failed"]);
    expect(watch.ended).toBe(true);
    expect(counts()).toMatchObject({ running: 0, failed: 1 });
  });

  it("ends its service: the node is told to forget the executor, which keeps its room until it is gone", () => {
    begin();
    machine.task("s");
    serve();
    machine.walk("e2", "Bound");
    launch("e2");
    machine.task("s");
    cancel({ taskIds: [1] });
    expect(forgotten()).toEqual(["e1"]);
    expect(machine.executors).toEqual(["e1 Releasing s", "e2 Bound s"]);
    machine.ask("executor.unregister", { id: "e1" });
    expect(machine.executors).toEqual(["e2 Bound s", "e3 Void -"]);
  });

  it("a result that comes all the same is answered and dropped, with its lease and without", () => {
    begin();
    const lease = leaseOf(serve());
    cancel({ taskIds: [1] });
    const before = stored(1);
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 }, lease });
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    expect(stored(1)).toEqual(before);
  });

  it("a session with max_instances 1 gets no second instance while the first may still run", () => {
    begin();
    machine.ask("session.close", { id: "s" });
    machine.open("t", { maxInstances: 1 });
    machine.task("t");
    machine.task("t");
    machine.walk("e1", "Bound");
    launch();
    cancel({ sessionId: "t", taskIds: [1] });
    expect(machine.executors).toEqual(["e1 Releasing t"]);
    machine.ask("executor.unregister", { id: "e1" });
    expect(machine.executors).toEqual(["e2 Void -"]);
  });

  it("stays ended over a restart, and a node that had not heard of it is told when it registers", async () => {
    begin();
    serve();
    cancel({ taskIds: [1] });
    await machine.restart();
    expect(machine.executors).toEqual(["e1 Releasing s"]);
    stream = machine.node("n1", undefined, ["e1"], { state: "Bound" });
    expect(forgotten()).toEqual(["e1"]);
  });

  it("is not told twice when the node reports that the executor is on its way out", async () => {
    begin();
    serve();
    cancel({ taskIds: [1] });
    await machine.restart();
    stream = machine.node("n1", undefined, ["e1"], { state: "Releasing" });
    expect(forgotten()).toEqual([]);
  });

  it("on a node that is away for the moment is told when it is back", () => {
    begin();
    serve();
    machine.cancel(stream);
    cancel({ taskIds: [1] });
    expect(stored(1).state).toBe("Failed");
    stream = machine.node("n1", undefined, ["e1"], { state: "Bound" });
    expect(forgotten()).toEqual(["e1"]);
  });
});

describe("on a node that cannot end a service", () => {
  it("the task ends for clients at once, the text says so, and the executor stays busy until it calls", () => {
    begin({ endsServices: false });
    const lease = leaseOf(serve());
    machine.task("s");
    expect(cancel({ taskIds: [1] })).toEqual({ ...nothing, ended: 1, busyNodes: ["n1"] });
    expect(stored(1).events.at(-1)?.message).toBe(
      "cancelled by alice; node n1 cannot end a running service: executor e1 stays busy until the service returns",
    );
    expect(forgotten()).toEqual([]);
    // Task 2 does not wait for it: there is room for another one.
    expect(machine.executors).toEqual(["e1 Releasing s", "e2 Void -"]);
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 }, lease });
    expect(stored(1).state).toBe("Failed");
    // The service has returned: the executor walks to its end as the published executor manager does.
    expect(machine.ask("executor.launch", { id: "e1" })).toEqual({});
    machine.ask("executor.unbind", { id: "e1" });
    machine.ask("executor.unbindCompleted", { id: "e1" });
    expect(machine.ask("executor.bind", { id: "e1" })).toEqual({});
    machine.ask("executor.unregister", { id: "e1" });
    expect(machine.executors).toEqual(["e2 Void -"]);
  });

  it("nor is it told when it registers again", async () => {
    begin({ endsServices: false });
    serve();
    cancel({ taskIds: [1] });
    await machine.restart();
    stream = machine.node("n1", undefined, ["e1"], { endsServices: false, state: "Bound" });
    expect(forgotten()).toEqual([]);
    expect(machine.executors).toEqual(["e1 Releasing s"]);
  });
});

describe("a pending task that is cancelled", () => {
  it("is Cancelled and never runs, the ones beside it do", () => {
    begin();
    machine.walk("e1", "Bound");
    for (let count = 0; count < 3; count++) machine.task("s");
    const watch = machine.begin("task.watch", { sessionId: "s", taskId: 2 });
    expect(cancel({ taskIds: [2] })).toEqual({ ...nothing, cancelled: 1 });
    expect(stored(2)).toMatchObject({ state: "Cancelled", completionTime: machine.now });
    expect(stored(2).events.at(-1)).toMatchObject({
      code: 1101,
      message: "cancelled by alice (mtls, from 10.0.0.7:4711)",
    });
    expect(states(watch.pushes)).toEqual(["Cancelled"]);
    expect(watch.ended).toBe(true);
    machine.walk("e1", "Bound");
    for (const id of [1, 3]) {
      expect(launch().id).toBe(id);
      machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    }
    expect(counts()).toEqual({ pending: 0, running: 0, succeed: 2, failed: 0, cancelled: 1 });
  });

  it("one that was put back from a lost lease as well", () => {
    begin();
    serve();
    machine.ask("executor.unbind", { id: "e1" });
    expect(stored(1).state).toBe("Pending");
    cancel({ taskIds: [1] });
    expect(stored(1).state).toBe("Cancelled");
    machine.ask("executor.unbindCompleted", { id: "e1" });
    expect(machine.executors).toEqual(["e1 Releasing -"]);
  });
});

describe("a cancel", () => {
  it("of tasks that have ended changes nothing, and may be repeated", () => {
    begin();
    serve();
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    const before = stored(1);
    expect(cancel({ taskIds: [1, 1] })).toEqual({ ...nothing, over: 1 });
    expect(stored(1)).toEqual(before);
    machine.task("s");
    cancel({ taskIds: [2] });
    const cancelled = stored(2);
    expect(cancel({ taskIds: [2] })).toEqual({ ...nothing, over: 1 });
    expect(stored(2)).toEqual(cancelled);
  });

  it("of an unknown task or session is refused, and nothing of the others is cancelled", () => {
    begin();
    machine.task("s");
    for (const id of [0, 2, -1]) {
      const request = { sessionId: "s", pendingOnly: false, close: true, caller: alice };
      const error = machine.refusal("session.cancel", { ...request, taskIds: [1, id] });
      expect(error).toMatchObject({ code: "not_found" });
      expect(error.message).toContain(`task ${id} of session s not found`);
    }
    expect(stored(1).state).toBe("Pending");
    expect(() => cancel({ sessionId: "x" })).toThrow("session x not found");
  });

  it("of a whole session ends what runs, cancels what waits, and says so in one event of the session", () => {
    begin();
    serve();
    for (let count = 0; count < 3; count++) machine.task("s");
    expect(cancel()).toEqual({ ...nothing, cancelled: 3, ended: 1 });
    expect(counts()).toEqual({ pending: 0, running: 0, succeed: 0, failed: 1, cancelled: 3 });
    const { record } = machine.ask("session.get", { id: "s" });
    expect(record.state).toBe("Open");
    expect(record.events).toMatchObject([
      {
        code: 1101,
        message: "3 pending and 1 running tasks were cancelled by alice (mtls, from 10.0.0.7:4711)",
      },
    ]);
    expect(cancel()).toEqual(nothing);
    expect(machine.ask("session.get", { id: "s" }).record.events).toHaveLength(1);
  });

  it("that closes leaves nothing behind: the session can be deleted and its application unregistered", () => {
    begin();
    serve();
    machine.task("s");
    expect(cancel({ close: true })).toEqual({ ...nothing, cancelled: 1, ended: 1, closed: true });
    machine.ask("session.delete", { id: "s" });
    machine.ask("application.unregister", { name: "app", author: "alice" });
    // e2 was on its way for the second task.
    expect(machine.executors).toEqual(["e1 Releasing -", "e2 Void -"]);
    machine.ask("executor.unregister", { id: "e1" });
    expect(machine.executors).toEqual(["e2 Void -"]);
  });

  it("of what is pending alone leaves running tasks and their session alone, and closes it when they have ended", () => {
    begin();
    serve();
    machine.task("s");
    const request = { pendingOnly: true, close: true };
    expect(cancel(request)).toEqual({ ...nothing, cancelled: 1, running: 1 });
    expect(cancel({ pendingOnly: true, taskIds: [1] })).toEqual({ ...nothing, running: 1 });
    expect(stored(1).state).toBe("Running");
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    expect(cancel(request)).toEqual({ ...nothing, closed: true });
    expect(cancel(request)).toEqual({ ...nothing, closed: true });
    expect(stored(1).state).toBe("Succeed");
  });
});

describe("the task_timeout of an application", () => {
  beforeEach(() => {
    machine.register("timed", { task_timeout: 5 });
    stream = machine.node("n1", { cpu: 2, memory: 8 * gib, gpu: 0 });
    machine.open("s", { application: "timed" });
  });

  it("fails a task that runs longer, counted from its begin, and ends its service", () => {
    machine.task("s");
    machine.pass(10_000);
    machine.beat(stream, "n1");
    machine.walk("e1", "Bound");
    launch();
    machine.pass(4_999);
    expect(stored(1).state).toBe("Running");
    machine.pass(1);
    expect(stored(1).events.slice(-2)).toMatchObject([
      { code: 1102, message: "timed out on executor e1 of node n1" },
      {
        code: 3,
        message: "the task did not end within 5 s, the task_timeout of application timed",
      },
    ]);
    expect(stored(1)).toMatchObject({ state: "Failed", crashes: 0, lostNodes: 0 });
    expect(forgotten()).toEqual(["e1"]);
  });

  it("counts anew for each task and each attempt", () => {
    machine.task("s");
    machine.task("s");
    machine.walk("e1", "Bound");
    launch();
    machine.pass(4_000);
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    launch();
    machine.pass(4_000);
    expect(stored(2).state).toBe("Running");
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 18 } });
    launch();
    machine.pass(4_000);
    expect(stored(2).state).toBe("Running");
    machine.pass(1_000);
    expect(stored(2).state).toBe("Failed");
  });

  it("goes on over a restart, however the date was set meanwhile", async () => {
    machine.task("s");
    machine.walk("e1", "Bound");
    launch();
    machine.pass(3_000);
    await machine.restart();
    machine.pass(1_999);
    expect(stored(1).state).toBe("Running");
    machine.dateAheadMs = -1_000_000;
    await machine.restart();
    machine.pass(4_999);
    expect(stored(1).state).toBe("Running");
    machine.pass(1);
    expect(stored(1).state).toBe("Failed");
  });

  it("does not touch tasks of applications without one", () => {
    machine.open("t", { application: "app" });
    machine.task("t");
    machine.walk("e1", "Bound");
    launch();
    machine.pass(10_000);
    expect(machine.tables.task("t", 1)?.state).toBe("Running");
  });
});
