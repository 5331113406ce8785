import { beforeEach, describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import { leaseOf, serviceCrashCode } from "../../../src/model/task.ts";
import { gib, Machine } from "./machine.ts";
import { held, openSession, statesOf, WorkNode } from "./work-node.ts";

const room = { cpu: 4, memory: 8 * gib, gpu: 0 };

let machine: Machine;
beforeEach(() => {
  machine = new Machine();
  machine.register("app");
});

const states = (sessionId = "s"): string => statesOf(machine, sessionId);
const counts = (sessionId = "s"): unknown => machine.ask("session.get", { id: sessionId }).counts;

const open = (tasks: number, executors = 1): WorkNode => openSession(machine, tasks, executors);

describe("a work stream", () => {
  it("is refused to a node that is not Ready", () => {
    const { error, ended } = new WorkNode(machine, "nobody");
    expect([error, ended]).toEqual([
      "Work: node nobody is not known: it must register first (RegisterNode)",
      true,
    ]);
  });

  it("is refused to another start of the node's executor manager than the one that has registered", () => {
    const report = { name: "n1", capacity: room, allocatable: room, arch: "x86_64", os: "linux" };
    const caller = { instance: "new", address: "10.0.0.1:7" };
    machine.ask("node.register", { report, executors: [], caller });
    const own = new WorkNode(machine, "n1", "new");
    const { error, ended } = new WorkNode(machine, "n1", "old");
    expect([error, ended]).toEqual([
      "Work: another executor manager has registered as node n1 since, from 10.0.0.1:7: register again (RegisterNode), which says more",
      true,
    ]);
    expect(own.ended).toBe(false);
  });

  it("is ended when its node is released, and when it is lost", () => {
    machine.node("n1", room);
    const first = new WorkNode(machine, "n1");
    machine.ask("node.release", { name: "n1" });
    expect([first.ended, first.error]).toEqual([true, undefined]);
    machine.node("n1", room);
    const second = new WorkNode(machine, "n1");
    machine.pass(15_000);
    expect([second.ended, second.error]).toEqual([true, undefined]);
  });

  it("hands tasks out ahead, as many as the executor takes; the first has begun, the others are Pending", () => {
    const node = open(5);
    node.ready("e1", 3, []);
    expect(node.heard()).toEqual([
      "e1 gets 1 as 1.1/1",
      "e1 gets 2 as 1.2/1",
      "e1 gets 3 as 1.3/1",
    ]);
    expect(counts()).toMatchObject({ pending: 4, running: 1 });
    machine.pass(1_000);
    expect(states()).toBe("RPPPP");
    expect(machine.tables.task("s", 1)).toMatchObject({ executorId: "e1", attempt: 1 });
    expect(machine.tables.task("s", 2)).toMatchObject({ attempt: 0 });
    node.done("e1", "1.1/1", "1.2/1");
    expect(node.heard()).toEqual([
      "e1 gets 4 as 1.4/1",
      "e1 gets 5 as 1.5/1",
      "acknowledgement e1 1.1/1,1.2/1",
    ]);
    expect(states()).toBe("SSRPP");
    node.done("e1", "1.3/1", "1.4/1", "1.5/1");
    expect(states()).toBe("SSSSS");
    expect(counts()).toMatchObject({ pending: 0, running: 0, succeed: 5 });
  });

  it("gives each executor one before it gives any a second, then the shortest queue, in turn", () => {
    const node = open(0, 3);
    for (const id of ["e1", "e2", "e3"]) node.ready(id, 3, []);
    for (let n = 0; n < 8; n++) machine.task("s");
    expect(node.heard().map((line) => line.split(" ")[0])).toEqual([
      ...["e1", "e2", "e3", "e1", "e2", "e3", "e1", "e2"],
    ]);
  });

  it("writes no lease by itself at once: with the next commit, and after a second at the latest", () => {
    const node = open(1);
    node.ready("e1", 1, []);
    expect(states()).toBe("P");
    machine.task("s");
    expect(states()).toBe("RP");
    node.done("e1", "1.1/1");
    expect(states()).toBe("SR");
  });

  it("fetches half of the longest queue for an executor with nothing to do; what has begun stays", () => {
    const node = open(7, 2);
    node.ready("e1", 7, []);
    expect(node.heard()).toHaveLength(7);
    node.ready("e2", 7, []);
    expect(node.heard()).toEqual(["takeBack e1 1.5/1,1.6/1,1.7/1"]);
    expect(counts()).toMatchObject({ pending: 6, running: 1 });
    // The node had begun one of them meanwhile, in its view: it keeps that.
    node.say({ returns: [{ executorId: "e1", leases: ["1.6/1", "1.7/1"] }] });
    expect(node.heard()).toEqual(["e2 gets 6 as 1.8/1", "e2 gets 7 as 1.9/1"]);
    node.done("e1", "1.7/1");
    // A lease that was given back never ends anything.
    expect(states()[6]).toBe("P");
    node.done("e2", "1.8/1", "1.9/1");
    expect(states().slice(5)).toBe("SS");
  });

  it("takes nobody hostage when a service dies: its task counts a crash, those behind it go back silently", () => {
    const node = open(3);
    node.ready("e1", 3, []);
    const outcome = { returnCode: serviceCrashCode, message: "signal 9" };
    node.say({
      completions: [{ executorId: "e1", lease: "1.1/1", outcome }],
      returns: [{ executorId: "e1", leases: ["1.2/1", "1.3/1"] }],
    });
    const tasks = machine.tables.tasks("s", 0, 10);
    expect(tasks.map(({ crashes, attempt, state }) => [state, crashes, attempt])).toEqual([
      ["Pending", 1, 1],
      ["Pending", 0, 0],
      ["Pending", 0, 0],
    ]);
    expect(tasks[1]?.events).toHaveLength(1);
  });

  it("counts a lost node for the task that had begun alone", () => {
    open(3).ready("e1", 3, []);
    machine.pass(15_000 + 30_000);
    const tasks = machine.tables.tasks("s", 0, 10);
    expect(tasks.map(({ lostNodes, attempt }) => [lostNodes, attempt])).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  it("withdraws what is cancelled, and what is closed, from where it waits", () => {
    const node = open(4);
    node.ready("e1", 4, []);
    node.heard();
    const cancel = { sessionId: "s", pendingOnly: false, close: false, caller: internalCaller };
    machine.ask("session.cancel", { ...cancel, taskIds: [3] });
    expect(node.heard()).toEqual(["takeBack e1 1.3/1"]);
    expect(states()).toBe("RPCP");
    node.done("e1", "1.1/1");
    machine.ask("session.cancel", { ...cancel, pendingOnly: true });
    expect(states()).toBe("SRCC");
    expect(node.heard()).toEqual(["acknowledgement e1 1.1/1", "takeBack e1 1.4/1"]);
    // Ran after all: the result comes too late.
    node.done("e1", "1.2/1", "1.3/1", "1.4/1");
    expect(states()).toBe("SSCC");
    machine.ask("session.close", { id: "s" });
    expect(node.heard()).toContain("leave e1");
  });

  describe("ends what was cancelled and had begun there", () => {
    const cancel = { sessionId: "s", pendingOnly: false, close: false, caller: internalCaller };

    it("with its executor, when the result of the task before it has come", () => {
      const node = open(3);
      node.ready("e1", 3, []);
      machine.ask("session.cancel", { ...cancel, taskIds: [2] });
      node.say({ returns: [{ executorId: "e1", leases: [], begun: "1.2/1" }] });
      expect(machine.executor("e1")?.state).toBe("Bound");
      node.done("e1", "1.1/1");
      expect(states()).toBe("SCP");
      expect(machine.executor("e1")?.state).toBe("Releasing");
      machine.ask("executor.unregister", { id: "e1" });
      expect(machine.state.sessions.get("s").pending.size).toBe(1);
    });

    it("unless it has ended meanwhile", () => {
      const node = open(3);
      node.ready("e1", 3, []);
      machine.ask("session.cancel", { ...cancel, taskIds: [2] });
      const outcome = { returnCode: 0 };
      const ended = ["1.1/1", "1.2/1"].map((lease) => ({ executorId: "e1", lease, outcome }));
      node.say({
        returns: [{ executorId: "e1", leases: [], begun: "1.2/1" }],
        completions: ended,
      });
      expect(machine.executor("e1")?.state).toBe("Bound");
      expect(states()).toBe("SCR");
    });

    it("and not what is only wanted for another executor", () => {
      const node = open(4, 2);
      node.ready("e1", 4, []);
      node.ready("e2", 4, []);
      node.done("e1", "1.1/1", "1.2/1");
      node.say({ returns: [{ executorId: "e1", leases: [], begun: "1.3/1" }] });
      expect(machine.executor("e1")?.state).toBe("Bound");
    });
  });

  it("ends a task that has begun together with its executor; those behind it go to others when it is known that they did not begin", () => {
    const node = open(3);
    node.ready("e1", 3, []);
    const cancel = { sessionId: "s", pendingOnly: false, close: false, caller: internalCaller };
    machine.ask("session.cancel", { ...cancel, taskIds: [1] });
    expect(machine.executor("e1")?.state).toBe("Releasing");
    expect(states()).toBe("FPP");
    expect(counts()).toMatchObject({ pending: 2, running: 0, failed: 1 });
    expect(node.heard().at(-1)).toBe("takeBack e1 1.2/1,1.3/1");
    // The node had gone on to the second one before it heard of the end.
    node.say({ returns: [{ executorId: "e1", leases: ["1.3/1"] }] });
    node.done("e1", "1.2/1");
    expect(states()).toBe("FSP");
    expect(machine.state.sessions.get("s").pending.size).toBe(1);
    machine.ask("executor.unregister", { id: "e1" });
    expect(counts()).toMatchObject({ pending: 1, running: 0, failed: 1, succeed: 1 });
  });

  it("sends an executor away that only waits, when its application keeps none", () => {
    machine.register("brief", { delay_release: 0 });
    machine.node("n1", room);
    machine.open("s", { application: "brief" });
    machine.task("s");
    machine.walk("e1", "Bound");
    const node = new WorkNode(machine, "n1");
    node.ready("e1", 4, []);
    node.done("e1", "1.1/1");
    expect(node.heard()).toEqual(["e1 gets 1 as 1.1/1", "acknowledgement e1 1.1/1", "leave e1"]);
  });

  it("keeps an idle executor for delay_release, and then sends it away", () => {
    machine = new Machine({ nodeSilenceMs: 1_000_000 });
    machine.register("app");
    const node = open(1);
    node.ready("e1", 4, []);
    node.done("e1", "1.1/1");
    node.heard();
    machine.pass(59_000);
    expect(node.heard()).toEqual([]);
    machine.pass(2_000);
    expect(node.heard()).toEqual(["leave e1"]);
  });

  it("serves executors that ask with LaunchTask beside it, and fetches tasks for them", () => {
    const node = open(3, 2);
    node.ready("e1", 3, []);
    const launch = machine.begin("executor.launch", { id: "e2" });
    expect(launch.replied).toBe(false);
    expect(node.heard().at(-1)).toBe("takeBack e1 1.3/1");
    node.say({ returns: [{ executorId: "e1", leases: ["1.3/1"] }] });
    const task = launch.reply?.task;
    if (task === undefined) throw new Error("no task was handed out");
    expect(task.id).toBe(3);
    const lease = leaseOf(task);
    machine.ask("executor.complete", { id: "e2", outcome: { returnCode: 0 }, lease });
    expect(states()[2]).toBe("S");
  });
});

describe("a work stream that breaks", () => {
  it("is continued: what the node holds stays, what it never got is handed out anew, results are acknowledged again", () => {
    const node = open(4);
    node.ready("e1", 4, []);
    node.reopen();
    // The node got the first three, and ended the first; the acknowledgement was lost, or never sent.
    node.say({
      ready: [
        { executorId: "e1", credit: 4, held: held(["1.1/1", 1], ["1.2/1", 2], ["1.3/1", 3]) },
      ],
      completions: [{ executorId: "e1", lease: "1.1/1", outcome: { returnCode: 0 } }],
    });
    expect(node.heard()).toEqual(["acknowledgement e1 1.1/1", "e1 gets 4 as 1.5/1"]);
    expect(states()).toBe("SRPP");
    node.done("e1", "1.1/1");
    expect(node.heard()).toEqual(["acknowledgement e1 1.1/1"]);
    expect(states()).toBe("SRPP");
  });

  it("gives a task that never arrived back without a counted attempt, though it was believed to have begun", () => {
    const node = open(1);
    node.ready("e1", 1, []);
    machine.pass(1_000);
    node.reopen();
    node.ready("e1", 1, []);
    expect(node.heard()).toEqual(["e1 gets 1 as 1.2/1"]);
    node.done("e1", "1.2/1");
    const { attempt, crashes, lostNodes, events = [] } = machine.tables.task("s", 1) ?? {};
    expect([attempt, crashes, lostNodes]).toEqual([1, 0, 0]);
    expect(events.map(({ code }) => code)).toEqual([0, 1, 2]);
  });

  it("hands nothing out while it is away, and does not count for what the node says on an old one", () => {
    const node = open(0);
    node.ready("e1", 2, []);
    const { token: old } = node;
    node.reopen();
    machine.task("s");
    expect(node.heard()).toEqual([]);
    const ready = [{ executorId: "e1", credit: 9 }];
    const work = { ready, completions: [], returns: [], awaits: [] };
    machine.ask("node.worked", { stream: old, name: "n1", work });
    expect(node.heard()).toEqual([]);
    node.ready("e1", 2, []);
    expect(node.heard()).toEqual(["e1 gets 1 as 1.1/1"]);
  });

  it("says once for each binding what an executor holds: a word of an earlier one comes late and has lost nothing", () => {
    const node = open(2);
    node.ready("e1", 2, []);
    node.ready("e1", 2, []);
    expect(node.heard()).toEqual(["e1 gets 1 as 1.1/1", "e1 gets 2 as 1.2/1"]);
    node.done("e1", "1.1/1", "1.2/1");
    expect(states()).toBe("SS");
  });

  it("is ended when the node registers anew", () => {
    const node = open(0);
    machine.node("n1", room, ["e1"]);
    expect(node.ended).toBe(true);
  });

  it("lets a restarted session manager adopt what the executor holds, its results included", async () => {
    open(4).ready("e1", 3, []);
    machine.pass(1_000);
    await machine.restart();
    machine.node("n1", room, ["e1"], { state: "Bound" });
    const node = new WorkNode(machine, "n1");
    node.say({
      ready: [
        { executorId: "e1", credit: 3, held: held(["1.1/1", 1], ["1.2/1", 2], ["1.3/1", 3]) },
      ],
      completions: [
        { executorId: "e1", lease: "1.1/1", outcome: { returnCode: 0 } },
        { executorId: "e1", lease: "1.2/1", outcome: { returnCode: 0 } },
      ],
    });
    expect(states()).toBe("SSRP");
    expect(node.heard()).toEqual(["acknowledgement e1 1.1/1,1.2/1", "e1 gets 4 as 2.1/1"]);
  });

  it("hands what was Pending before a restart to nobody until each executor of the session has said what it holds", async () => {
    const first = open(3, 2);
    first.ready("e1", 3, []);
    await machine.restart();
    machine.node("n1", { ...room, cpu: 2 }, ["e1", "e2"], { state: "Bound", works: true });
    const node = new WorkNode(machine, "n1");
    node.ready("e2", 4, []);
    expect(node.heard()).toEqual([]);
    machine.task("s");
    expect(node.heard()).toEqual(["e2 gets 4 as 2.1/1"]);
    node.ready("e1", 1, held(["1.1/1", 1], ["1.2/1", 2]));
    expect(node.heard()).toEqual(["e2 gets 3 as 2.2/1"]);
    machine.pass(1_000);
    expect(states()).toBe("RPPR");
    node.done("e1", "1.1/1", "1.2/1");
    node.done("e2", "2.1/1", "2.2/1");
    expect(states()).toBe("SSSS");
  });

  it("waits no longer for an executor of before a restart that is gone", async () => {
    open(1, 2);
    await machine.restart();
    machine.node("n1", { ...room, cpu: 2 }, ["e2"], { state: "Bound", works: true });
    const node = new WorkNode(machine, "n1");
    node.ready("e2", 1, []);
    expect(node.heard()).toEqual(["e2 gets 1 as 2.1/1"]);
  });

  it("makes a lease worthless whose task went elsewhere meanwhile", async () => {
    const first = open(1, 2);
    first.ready("e1", 1, []);
    // The lease of e1 was never written; e2 comes back first.
    await machine.restart();
    machine.node("n1", { ...room, cpu: 2 }, ["e1", "e2"], { state: "Bound" });
    const node = new WorkNode(machine, "n1");
    node.ready("e2", 1, []);
    expect(node.heard()).toEqual(["e2 gets 1 as 2.1/1"]);
    node.say({
      ready: [{ executorId: "e1", credit: 1, held: held(["1.1/1", 1]) }],
      completions: [{ executorId: "e1", lease: "1.1/1", outcome: { returnCode: -1 } }],
    });
    expect(node.heard()).toEqual(["takeBack e1 1.1/1", "acknowledgement e1 1.1/1"]);
    expect(states()).not.toBe("F");
  });

  it("tells an executor that is not known to leave, and acknowledges its results", () => {
    const node = open(0);
    node.say({
      ready: [{ executorId: "e9", credit: 1, held: held(["1.7/1", 1]) }],
      completions: [{ executorId: "e9", lease: "1.7/1", outcome: { returnCode: 0 } }],
    });
    expect(node.heard()).toEqual(["takeBack e9 1.7/1", "acknowledgement e9 1.7/1", "leave e9"]);
  });
});
