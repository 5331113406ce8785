import { beforeEach, describe, expect, it, jest } from "@jest/globals";
import { longWaitMs } from "../../../src/core/long-waits.ts";
import { gib, Machine } from "./machine.ts";

let machine: Machine;
beforeEach(() => {
  machine = new Machine({ nodeSilenceMs: 10_000_000 });
  machine.register("app");
});

const events = (id = "waits"): { code: number; message: string }[] =>
  machine.ask("session.get", { id }).record.events.map(({ code, message }) => ({ code, message }));

/** Executors for all warm instances of a session that has no tasks. */
function holdAll(minInstances: number): void {
  machine.open("warm", { minInstances });
  for (const { record } of [...machine.state.executors.all()]) machine.walk(record.id, "Bound");
}

describe("a session with tasks and no executor", () => {
  it("is told after a while who holds the node with min_instances, and once only", () => {
    machine.node("n1");
    holdAll(4);
    machine.open("waits");
    machine.task("waits");
    machine.pass(longWaitMs - 1);
    expect(events()).toEqual([]);
    machine.pass(1);
    const message =
      "no executor for 10 s, the tasks wait: cpu=1,mem=1Gi,gpu=0 for an executor is not free on any Ready node: " +
      "session warm has 4 executors of cpu=1,mem=1Gi,gpu=0 (priority 0, min_instances 4)";
    expect(events()).toEqual([{ code: 1004, message }]);
    machine.pass(10 * longWaitMs);
    expect(events()).toHaveLength(1);
  });

  it.each([
    ["no node is Ready", () => undefined, {}],
    ["its max_instances is 0", () => machine.node("n1"), { maxInstances: 0 }],
    [
      "it asks for cpu=64,mem=1Gi,gpu=0 for each executor, which no Ready node has: n1 has cpu=4,",
      () => machine.node("n1"),
      { resreq: { cpu: 64, memory: gib, gpu: 0 } },
    ],
    [
      "node n1 was told to start an executor and has not registered it yet",
      () => machine.node("n1"),
      {},
    ],
    [
      "application one has all 1 of its max_instances: session other has 1 executor of",
      () => {
        machine.node("n1");
        machine.register("one", { max_instances: 1 });
        machine.open("other", { application: "one", minInstances: 1 });
        machine.walk("e1", "Bound");
      },
      { application: "one" },
    ],
  ])("is told: %s", (reason, begin, session) => {
    begin();
    machine.open("waits", session);
    machine.task("waits");
    machine.pass(longWaitMs);
    expect(events().map(({ code }) => code)).toEqual([1004]);
    expect(events()[0]?.message).toContain(reason);
  });

  it("is told nothing when one comes in time, or when its binds fail: that is told already", () => {
    machine.node("n1");
    machine.open("waits");
    machine.task("waits");
    machine.walk("e1", "Bound");
    machine.pass(longWaitMs);
    expect(events()).toEqual([]);
  });
});

it("sessions that wait together are told after one look at nodes and executors, and none at closed sessions", () => {
  machine.node("n1");
  holdAll(4);
  for (const id of ["closed-1", "closed-2"]) {
    machine.open(id);
    machine.ask("session.close", { id });
  }
  const waiting = Array.from({ length: 100 }, (_, index) => `w${index}`);
  for (const id of waiting) {
    machine.open(id);
    machine.task(id);
  }
  const { sessions, nodes, executors } = machine.state;
  const all = jest.spyOn(sessions, "all");
  const looks = [jest.spyOn(nodes, "all"), jest.spyOn(executors, "all")];
  const scheduled = looks.map(({ mock }) => mock.calls.length);
  machine.pass(longWaitMs);
  expect(waiting.map((id) => events(id).map(({ code }) => code))).toEqual(
    waiting.map(() => [1004]),
  );
  expect(all).not.toHaveBeenCalled();
  // The scheduler looks as well, once in each turn.
  for (const [index, { mock }] of looks.entries())
    expect(mock.calls.length - (scheduled[index] ?? 0)).toBeLessThan(10);
});
