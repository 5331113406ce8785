import { beforeEach, describe, expect, it } from "@jest/globals";
import { Machine } from "./machine.ts";

const day = 86_400_000;
const hour = 3_600_000;
let machine: Machine;

beforeEach(() => {
  machine = new Machine({ closedSessionRetentionMs: hour, nodeSilenceMs: 15_000 });
  // The date and what deadlines are set in are far from each other from the beginning.
  machine.dateAheadMs = 10 * day;
  machine.register("app", { delay_release: 60 });
  machine.open("s");
});

const nodeState = (): string | undefined =>
  machine.ask("node.list", {}).find(({ name }) => name === "n1")?.state;

describe.each([
  ["forward", 400 * day],
  ["back", -400 * day],
])("a date that is set %s", (_, byMs) => {
  const setDate = (): void => {
    machine.dateAheadMs += byMs;
    machine.begin("tick", {});
  };

  it("neither ends nor prolongs the wait of an executor for its next task", () => {
    machine.node("n1");
    machine.task("s");
    machine.walk("e1", "Bound");
    machine.ask("executor.launch", { id: "e1" });
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    const stream = machine.state.nodes.get("n1").stream ?? 0;
    const waiting = machine.begin("executor.launch", { id: "e1" });
    for (let second = 0; second < 59; second++) {
      if (second === 30) setDate();
      machine.pass(1_000);
      machine.ask("node.beat", { stream, report: { name: "n1" } });
    }
    expect(waiting.replied).toBe(false);
    machine.pass(1_000);
    expect(waiting).toMatchObject({ replied: true, reply: {} });
  });

  it("neither loses a node that speaks nor hides one that is silent", () => {
    machine.node("n1");
    machine.pass(14_000);
    setDate();
    expect(nodeState()).toBe("Ready");
    machine.pass(1_000);
    expect(nodeState()).toBe("Unknown");
    machine.pass(29_000);
    setDate();
    expect(nodeState()).toBe("Unknown");
    machine.pass(1_000);
    expect(nodeState()).toBe("NotReady");
  });

  it("does not change the pause after a bind that failed", () => {
    machine.node("n1");
    machine.task("s");
    const [id = ""] = [...machine.state.executors.all()].map(({ record }) => record.id);
    machine.ask("executor.register", { id, shim: "Host" });
    machine.ask("executor.bindCompleted", { id, outcome: { returnCode: 10 } });
    for (const kind of ["executor.unbind", "executor.unbindCompleted"] as const)
      machine.ask(kind, { id });
    machine.ask("executor.unregister", { id });
    setDate();
    machine.pass(999);
    expect(machine.executors).toEqual([]);
    machine.pass(1);
    expect(machine.executors).toEqual(["e2 Void -"]);
  });

  it("does not change how long a closed session is kept", () => {
    machine.ask("session.close", { id: "s" });
    machine.pass(hour / 2);
    setDate();
    machine.pass(hour / 2 - 1);
    expect(machine.ask("session.list", {})).toHaveLength(1);
    machine.pass(1);
    expect(machine.ask("session.list", {})).toHaveLength(0);
  });
});

it("a date that is set back before a restart keeps no closed session for longer than retention says", async () => {
  machine.ask("session.close", { id: "s" });
  machine.dateAheadMs = -400 * day;
  await machine.restart();
  machine.pass(hour - 1);
  expect(machine.ask("session.list", {})).toHaveLength(1);
  machine.pass(1);
  expect(machine.ask("session.list", {})).toHaveLength(0);
});
