import { describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { Machine } from "./machine.ts";

function refusal(action: () => unknown): FlameError {
  try {
    action();
  } catch (thrown) {
    return FlameError.from(thrown);
  }
  throw new Error("nothing was thrown");
}

describe("limits.max_open_sessions", () => {
  it("refuses one more with a delay, and takes it when one was closed", () => {
    const machine = new Machine({ openSessionsMax: 2 });
    machine.register("app");
    for (const id of ["a", "b"]) machine.open(id);
    const refused = refusal(() => machine.open("c"));
    expect(refused).toMatchObject({ code: "resource_exhausted", retryAfterMs: 5_000 });
    expect(refused.message).toContain("2 sessions are open, at most 2 may be");
    expect(machine.state.sessions.find("c")).toBeUndefined();
    // One that is open already is opened again all the same.
    expect(machine.ask("session.open", { id: "a", caller: internalCaller }).record.id).toBe("a");
    machine.ask("session.close", { id: "a" });
    machine.open("c");
  });
});

describe("limits.max_open_tasks", () => {
  const queued = (machine: Machine, session: string): number => {
    let count = 0;
    for (;;) {
      try {
        machine.task(session);
        count++;
      } catch {
        return count;
      }
    }
  };

  it("leaves room for the sessions that come later, however much the first ones take", () => {
    const machine = new Machine({ openTasksMax: 100 });
    machine.register("app");
    for (const id of ["a", "b", "c", "d"]) machine.open(id);
    expect(["a", "b", "c", "d"].map((id) => queued(machine, id))).toEqual([50, 25, 13, 6]);
    const refused = refusal(() => machine.task("a"));
    expect(refused).toMatchObject({ code: "resource_exhausted", retryAfterMs: 1_000 });
    expect(refused.message).toContain(
      "session a has 50 open tasks, and of the 100 that the cluster keeps (cluster.limits.max_open_tasks) 6 are free",
    );
  });

  it("counts what is open, through completion, close and restart", async () => {
    const machine = new Machine({ openTasksMax: 10 });
    machine.register("app");
    machine.node("n1");
    machine.open("a", { maxInstances: 1 });
    expect(queued(machine, "a")).toBe(5);
    machine.walk("e1", "Bound");
    machine.ask("executor.launch", { id: "e1" });
    expect(machine.state.sessions.openTasks).toBe(5);
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    expect(machine.state.sessions.openTasks).toBe(4);
    await machine.restart();
    expect(machine.state.sessions.openTasks).toBe(4);
    machine.ask("session.close", { id: "a" });
    expect(machine.state.sessions.openTasks).toBe(0);
    machine.open("b");
    expect(queued(machine, "b")).toBe(5);
  });
});
