import { beforeEach, describe, expect, it } from "@jest/globals";
import { payloadBytesMax } from "../../../src/model/limits.ts";
import {
  leaseOf,
  serviceCrashCode,
  type TaskRecord,
  type TaskReply,
} from "../../../src/model/task.ts";
import { Machine } from "./machine.ts";

let machine: Machine;

/** A session `s` with one Bound executor e1 that has asked for nothing yet. */
beforeEach(() => {
  machine = new Machine();
  machine.register("app");
  machine.node("n1");
  machine.open("s", { maxInstances: 1 });
});

function serve(): void {
  machine.task("s");
  machine.walk("e1", "Bound");
}

const launch = (): TaskRecord => machine.ask("executor.launch", { id: "e1" }).task!;
const complete = (outcome: { returnCode: number; output?: Buffer; message?: string }): void => {
  machine.ask("executor.complete", { id: "e1", outcome });
};
const stored = (id = 1): TaskRecord => machine.tables.task("s", id)!;
const codes = (task: TaskRecord): number[] => task.events.map(({ code }) => code);
const states = (pushes: readonly TaskReply[]): string[] =>
  pushes.map((push) => ("stored" in push ? "stored" : push.task.state));

describe("CreateTask", () => {
  it("answers a Pending task, counted from 1 in its session", () => {
    machine.open("other");
    expect(machine.task("s")).toMatchObject({
      sessionId: "s",
      id: 1,
      state: "Pending",
      creationTime: machine.now,
      attempt: 0,
    });
    expect(machine.task("s").id).toBe(2);
    expect(machine.task("other").id).toBe(1);
  });

  it("tells an absent input from an empty one", () => {
    machine.ask("task.create", { sessionId: "s" });
    machine.ask("task.create", { sessionId: "s", input: Buffer.alloc(0) });
    expect(stored(1).inputBytes).toBeUndefined();
    expect(stored(2).inputBytes).toBe(0);
    expect(machine.tables.payload("s", 1, "input")).toBeUndefined();
    expect(machine.tables.payload("s", 2, "input")).toEqual(Buffer.alloc(0));
  });

  it("does not know an unknown session", () => {
    expect(machine.refusal("task.create", { sessionId: "x" }).code).toBe("not_found");
  });

  it("refuses a closed session", () => {
    machine.ask("session.close", { id: "s" });
    const error = machine.refusal("task.create", { sessionId: "s" });
    expect(error).toMatchObject({ code: "invalid_state" });
    expect(error.message).toContain("Cannot create task in closed session s");
  });
});

describe("the way of a task", () => {
  it("Pending, Running, Succeed: with times, output, events and counters", () => {
    serve();
    machine.pass(5);
    expect(launch()).toMatchObject({ id: 1, state: "Running", executorId: "e1", attempt: 1 });
    machine.pass(5);
    complete({ returnCode: 0, output: Buffer.from("out") });
    expect(stored()).toMatchObject({
      state: "Succeed",
      completionTime: machine.now,
      outputBytes: 3,
    });
    expect(stored().executorId).toBeUndefined();
    expect(codes(stored())).toEqual([0, 1, 2]);
    expect(machine.tables.payload("s", 1, "output")?.toString()).toBe("out");
    expect(machine.ask("session.get", { id: "s" }).counts).toEqual({
      pending: 0,
      running: 0,
      succeed: 1,
      failed: 0,
      cancelled: 0,
    });
  });

  it.each([
    ["its message, word for word", "ValueError: x", "ValueError: x"],
    ["a text of ours when it gave none", undefined, "Task failed without a message"],
  ])("a failure keeps %s", (_what, message, text) => {
    serve();
    launch();
    complete({ returnCode: -1, ...(message !== undefined && { message }) });
    expect(stored()).toMatchObject({ state: "Failed" });
    expect(stored().events.at(-1)).toMatchObject({ code: 3, message: text });
  });

  it("an output that fits into no message fails the task and says what to do", () => {
    serve();
    launch();
    complete({ returnCode: 0, output: Buffer.alloc(payloadBytesMax + 1) });
    expect(stored().state).toBe("Failed");
    expect(stored().events.at(-1)?.message).toContain("use put_object");
    expect(machine.tables.payload("s", 1, "output")).toBeUndefined();
  });

  it("lowest id first, also those that come back", () => {
    serve();
    machine.task("s");
    machine.task("s");
    expect(launch().id).toBe(1);
    complete({ returnCode: serviceCrashCode, message: "signal 9" });
    expect(launch().id).toBe(1);
    complete({ returnCode: 0 });
    expect(launch().id).toBe(2);
  });

  it("an executor that waits gets the next task at once", () => {
    serve();
    launch();
    complete({ returnCode: 0 });
    const waiting = machine.begin("executor.launch", { id: "e1" });
    expect(waiting.replied).toBe(false);
    machine.task("s");
    expect(waiting.reply?.task).toMatchObject({ id: 2, state: "Running" });
  });

  it("delay_release bounds the wait, and the executor leaves", () => {
    machine.register("hasty", { delay_release: 5 });
    machine.open("h", { application: "hasty", priority: 1 });
    machine.task("h");
    machine.walk("e1", "Bound");
    launch();
    complete({ returnCode: 0 });
    const waiting = machine.begin("executor.launch", { id: "e1" });
    machine.pass(4_999);
    expect(waiting.replied).toBe(false);
    machine.pass(1);
    expect(waiting.reply).toEqual({});
    expect(machine.ask("executor.launch", { id: "e1" })).toEqual({});
  });

  it.each([0, -1])("delay_release %d means: look once", (delay_release) => {
    machine.register("eager", { delay_release });
    machine.open("h", { application: "eager", priority: 1 });
    machine.task("h");
    machine.walk("e1", "Bound");
    launch();
    complete({ returnCode: 0 });
    expect(machine.ask("executor.launch", { id: "e1" })).toEqual({});
  });
});

describe("a service that crashes", () => {
  it("puts its task back with an event that counts, and hands it to whoever waits", () => {
    machine.open("t", { maxInstances: 2 });
    machine.task("t");
    machine.task("t");
    for (const id of ["e1", "e2"]) machine.walk(id, "Bound");
    machine.ask("executor.launch", { id: "e1" });
    machine.ask("executor.launch", { id: "e2" });
    machine.ask("executor.complete", { id: "e2", outcome: { returnCode: 0 } });
    const waiting = machine.begin("executor.launch", { id: "e2" });
    machine.ask("executor.complete", {
      id: "e1",
      outcome: { returnCode: serviceCrashCode, message: "signal 11" },
    });
    expect(waiting.reply?.task).toMatchObject({ id: 1, attempt: 2, crashes: 1 });
    expect(codes(waiting.reply!.task!)).toEqual([0, 1, 5, 1]);
    expect(waiting.reply?.task?.events[2]?.message).toContain("crash 1 of 5");
    expect(waiting.reply?.task?.events[2]?.message).toContain("signal 11");
  });

  it("fails the task for good at the fifth time", () => {
    serve();
    for (let attempt = 1; attempt <= 5; attempt++) {
      expect(launch().attempt).toBe(attempt);
      complete({ returnCode: serviceCrashCode, message: `crash ${attempt}` });
    }
    expect(stored()).toMatchObject({ state: "Failed", crashes: 5, attempt: 5 });
    expect(stored().events.at(-1)).toMatchObject({ code: 3 });
    expect(stored().events.at(-1)?.message).toContain("crash 5");
    expect(machine.ask("session.get", { id: "s" }).counts).toMatchObject({ pending: 0, failed: 1 });
  });
});

describe("leases", () => {
  it("a result of an earlier attempt is answered and dropped", () => {
    serve();
    const first = leaseOf(launch());
    complete({ returnCode: serviceCrashCode });
    const second = leaseOf(launch());
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: -1 }, lease: first });
    expect(stored().state).toBe("Running");
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 }, lease: second });
    expect(stored().state).toBe("Succeed");
  });

  it("a late result of another session's task with the same number and attempt is dropped", () => {
    machine.open("t", { maxInstances: 1 });
    serve();
    machine.task("t");
    const late = leaseOf(launch());
    complete({ returnCode: 0 });
    machine.ask("session.close", { id: "s" });
    machine.ask("executor.unbind", { id: "e1" });
    machine.ask("executor.unbindCompleted", { id: "e1" });
    expect(machine.executors).toContain("e1 Binding t");
    machine.ask("executor.bindCompleted", { id: "e1", outcome: { returnCode: 0 } });
    expect(launch()).toMatchObject({ sessionId: "t", id: 1, attempt: 1 });
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 }, lease: late });
    expect(machine.tables.task("t", 1)?.state).toBe("Running");
  });

  it("a second result changes nothing: terminal is terminal", () => {
    serve();
    const lease = leaseOf(launch());
    complete({ returnCode: 0 });
    const before = stored();
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: -1 }, lease });
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: -1 } });
    expect(stored()).toEqual(before);
  });

  it("an executor that unbinds gives its task back", () => {
    serve();
    launch();
    machine.ask("executor.unbind", { id: "e1" });
    expect(stored()).toMatchObject({ state: "Pending", crashes: 0 });
    expect(stored().events.at(-1)).toMatchObject({ code: 5 });
    expect(stored().events.at(-1)?.message).toContain("unbound");
    complete({ returnCode: 0 });
    expect(stored().state).toBe("Pending");
  });
});

describe("GetTask", () => {
  it("answers an open task from memory and points to the store for one that has ended", () => {
    serve();
    machine.task("s");
    launch();
    complete({ returnCode: 0 });
    expect(machine.ask("task.get", { sessionId: "s", taskId: 2 })).toMatchObject({
      task: { id: 2, state: "Pending" },
    });
    expect(machine.ask("task.get", { sessionId: "s", taskId: 1 })).toEqual({
      stored: { session: { id: "s", creationTime: expect.any(Number) }, taskId: 1 },
    });
  });

  it.each([-1, 0, 2])("does not know task %d of a session with one task", (taskId) => {
    machine.task("s");
    const error = machine.refusal("task.get", { sessionId: "s", taskId });
    expect(error).toMatchObject({ code: "not_found" });
    expect(error.message).toContain("the session has 1 task,");
  });

  it("does not know an unknown session", () => {
    expect(machine.refusal("task.get", { sessionId: "x", taskId: 1 }).code).toBe("not_found");
    expect(machine.refusal("task.list", { sessionId: "x" }).code).toBe("not_found");
  });
});

describe("WatchTask", () => {
  const watch = (taskId = 1) => machine.begin("task.watch", { sessionId: "s", taskId });

  it("says nothing of Pending, then each new state, and ends after the terminal one", () => {
    serve();
    const watching = watch();
    expect(watching).toMatchObject({ pushes: [], ended: false });
    launch();
    expect(states(watching.pushes)).toEqual(["Running"]);
    complete({ returnCode: -1, message: "boom" });
    expect(states(watching.pushes)).toEqual(["Running", "Failed"]);
    expect(watching.pushes[1]).toMatchObject({
      task: { events: expect.arrayContaining([expect.objectContaining({ code: 3 })]) },
    });
    expect(watching.ended).toBe(true);
  });

  it("begins with what the watcher does not know yet", () => {
    serve();
    launch();
    const watching = watch();
    expect(watching.pushes).toEqual([]);
    complete({ returnCode: 0 });
    expect(states(watching.pushes)).toEqual(["Succeed"]);
  });

  it("a task that has ended gives exactly one message", () => {
    serve();
    launch();
    complete({ returnCode: 0 });
    expect(watch()).toMatchObject({
      pushes: [{ stored: { session: { id: "s" }, taskId: 1 } }],
      ended: true,
    });
  });

  it("does not tell of a return to Pending, nor of Running again", () => {
    serve();
    const watching = watch();
    launch();
    complete({ returnCode: serviceCrashCode });
    launch();
    complete({ returnCode: 0 });
    expect(states(watching.pushes)).toEqual(["Running", "Succeed"]);
  });

  it("hears Cancelled when the session is closed", () => {
    machine.task("s");
    const watching = watch();
    machine.ask("session.close", { id: "s" });
    expect(states(watching.pushes)).toEqual(["Cancelled"]);
    expect(watching.ended).toBe(true);
  });

  it("every watcher of a task hears it, and one that goes away hears nothing more", () => {
    serve();
    const [one, two, gone] = [watch(), watch(), watch()];
    machine.cancel(gone);
    launch();
    complete({ returnCode: 0 });
    for (const { pushes } of [one, two]) expect(states(pushes)).toEqual(["Running", "Succeed"]);
    expect(gone).toMatchObject({ pushes: [], ended: false });
    expect(machine.state.sessions.get("s").watchers.size).toBe(0);
  });

  it.each([
    ["x", 1],
    ["s", 9],
  ])("fails for session %s, task %d, which nobody knows", (sessionId, taskId) => {
    expect(machine.begin("task.watch", { sessionId, taskId }).error?.code).toBe("not_found");
  });
});
