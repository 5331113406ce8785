import { beforeEach, describe, expect, it } from "@jest/globals";
import { gib, Machine } from "./machine.ts";
import { statesOf, WorkNode } from "./work-node.ts";

const room = { cpu: 1, memory: 8 * gib, gpu: 0 };

let machine: Machine;
beforeEach(() => {
  machine = new Machine();
  machine.register("app");
});

const states = (): string => statesOf(machine);
const counts = (): unknown => machine.ask("session.get", { id: "s" }).counts;

/** A session with `tasks` Pending tasks, and the executor e1 on node n1. */
function open(tasks: number, application = "app"): WorkNode {
  machine.node("n1", room);
  machine.open("s", { application });
  for (let n = 0; n < tasks; n++) machine.task("s");
  machine.walk("e1", "Bound");
  return new WorkNode(machine, "n1");
}

describe("a task of which its node says that it had not begun", () => {
  it("is taken back silently, though it counted as begun", () => {
    const node = open(2);
    node.ready("e1", 2, []);
    const [, waiting] = machine.tables.tasks("s", 0, 10);
    const watch = machine.begin("task.watch", { sessionId: "s", taskId: 2 });
    // Its turn has come here; the service of the executor is gone there.
    node.done("e1", "1.1/1");
    machine.pass(1_000);
    expect(states()).toBe("SR");
    node.say({
      ready: [{ executorId: "e1", credit: 0 }],
      returns: [{ executorId: "e1", leases: ["1.2/1"] }],
    });
    expect(machine.tables.task("s", 2)).toEqual(waiting);
    expect(counts()).toMatchObject({ pending: 1, running: 0, succeed: 1 });
    expect(watch.pushes).toHaveLength(1);
    // A result of that lease would be one of nothing.
    node.done("e1", "1.2/1");
    node.ready("e1", 1);
    expect(node.heard().slice(-1)).toEqual(["e1 gets 2 as 1.3/1"]);
    node.done("e1", "1.3/1");
    const { attempt, events = [] } = machine.tables.task("s", 2) ?? {};
    expect([attempt, events.map(({ code }) => code)]).toEqual([1, [0, 1, 2]]);
  });

  it("has no time that passes", () => {
    machine.register("brief", { task_timeout: 5 });
    const node = open(1, "brief");
    node.ready("e1", 1, []);
    node.say({
      ready: [{ executorId: "e1", credit: 0 }],
      returns: [{ executorId: "e1", leases: ["1.1/1"] }],
    });
    machine.pass(6_000);
    expect(states()).toBe("P");
  });

  it("leaves nothing on disk when nobody had written that it had begun", () => {
    const node = open(1);
    node.ready("e1", 1, []);
    const written = machine.tables.task("s", 1);
    node.say({
      ready: [{ executorId: "e1", credit: 0 }],
      returns: [{ executorId: "e1", leases: ["1.1/1"] }],
    });
    machine.pass(1_000);
    expect(machine.tables.task("s", 1)).toBe(written);
    expect(written).toMatchObject({ state: "Pending", attempt: 0 });
  });
});
