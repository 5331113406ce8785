import { beforeEach, describe, expect, it } from "@jest/globals";
import { type Call, gib, Machine } from "./machine.ts";

let machine: Machine;
let stream: Call<"node.watch">;

beforeEach(() => {
  machine = new Machine();
  machine.register("app");
  stream = machine.node("n1");
});

const node = () => machine.ask("node.get", { name: "n1" });
const pushed = ({ pushes }: Call<"node.watch">): string[] =>
  pushes.map(
    ({ executor, released }) => `${executor.id} ${released ? "Released" : executor.state}`,
  );
/** Session `s` has task 1, and e1 on n1 works on it. */
function work(): void {
  machine.open("s");
  machine.task("s");
  machine.walk("e1", "Bound");
  machine.ask("executor.launch", { id: "e1" });
}
/** The node's heartbeats arrive, every 5 s. */
function passWithHeartbeats(ms: number, on = stream): void {
  for (let left = ms; left > 0; left -= 5_000) {
    machine.pass(Math.min(5_000, left));
    machine.beat(on, "n1");
  }
}

describe("a node", () => {
  it("is Ready when it registers, with what it reports", () => {
    expect(node()).toMatchObject({
      name: "n1",
      state: "Ready",
      allocatable: { cpu: 4, memory: 8 * gib, gpu: 0 },
      arch: "x86_64",
      os: "linux",
      lastHeartbeat: machine.now,
    });
    expect(machine.ask("node.list", {})).toEqual([node()]);
  });

  it("is not known before", () => {
    const error = machine.refusal("node.get", { name: "n9" });
    expect(error).toMatchObject({ code: "not_found" });
    expect(error.message).toContain("node n9 not found");
  });

  it("stays Ready as long as it beats, and its heartbeats update what it offers", () => {
    passWithHeartbeats(60_000);
    const allocatable = { cpu: 9, memory: gib, gpu: 1 };
    machine.ask("node.beat", { stream: stream.token, report: { name: "n1", allocatable } });
    expect(node()).toMatchObject({
      state: "Ready",
      allocatable,
      capacity: { cpu: 4 },
      lastHeartbeat: machine.now,
    });
  });

  it("learns its shim from the first executor that registers", () => {
    expect(node()).not.toHaveProperty("shim");
    machine.open("s");
    machine.task("s");
    machine.ask("executor.register", { id: "e1", shim: "Wasm" });
    expect(node().shim).toBe("Wasm");
  });

  it("that did not register gets a clean end instead of a stream", () => {
    expect(machine.begin("node.watch", { report: { name: "n9" } })).toMatchObject({
      ended: true,
      error: undefined,
    });
  });

  it("hears of an executor that is made for it, at once or when its stream is there", () => {
    machine.open("s");
    machine.task("s");
    expect(pushed(stream)).toEqual(["e1 Void"]);
    const report = { name: "n2", allocatable: { cpu: 4, memory: 8 * gib, gpu: 1 } };
    machine.ask("node.register", { report, executors: [] });
    machine.open("g", { resreq: { cpu: 1, memory: gib, gpu: 1 } });
    machine.task("g");
    expect(pushed(machine.begin("node.watch", { report }))).toEqual(["e2 Void"]);
  });

  it("hears Released when an executor has unregistered", () => {
    machine.open("s");
    machine.task("s");
    machine.ask("session.close", { id: "s" });
    machine.ask("executor.register", { id: "e1", shim: "Host" });
    machine.ask("executor.unregister", { id: "e1" });
    expect(pushed(stream)).toEqual(["e1 Void", "e1 Released"]);
  });
});

describe("a node that is lost", () => {
  const ways: readonly (readonly [string, () => void])[] = [
    ["falls silent for 15 s", () => machine.pass(15_000)],
    ["loses its stream", () => machine.cancel(stream)],
  ];

  it.each(ways)("when it %s is Unknown and keeps its leases for 30 s", (_how, lose) => {
    work();
    lose();
    expect(node().state).toBe("Unknown");
    machine.pass(29_999);
    expect(machine.executors).toEqual(["e1 Bound s"]);
    expect(machine.tables.task("s", 1)?.state).toBe("Running");
    machine.pass(1);
    expect(node().state).toBe("NotReady");
    expect(machine.executors).toEqual([]);
    const task = machine.tables.task("s", 1);
    expect(task).toMatchObject({ state: "Pending", crashes: 0 });
    expect(task?.events.at(-1)).toMatchObject({ code: 5 });
    expect(task?.events.at(-1)?.message).toContain("node n1 was lost for 30 s");
  });

  it("its stream is ended when it falls silent", () => {
    machine.pass(15_000);
    expect(stream.ended).toBe(true);
  });

  it("may end the task that it has, all the same", () => {
    work();
    machine.pass(15_000);
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    expect(machine.tables.task("s", 1)?.state).toBe("Succeed");
  });

  it("gets no executors and no tasks; one that waits gets its task when the node is back", () => {
    work();
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    const waiting = machine.begin("executor.launch", { id: "e1" });
    machine.cancel(stream);
    machine.task("s");
    expect(waiting.replied).toBe(false);
    expect(machine.executors).toEqual(["e1 Bound s"]);
    machine.node("n1", undefined, ["e1"]);
    expect(waiting.reply?.task?.id).toBe(2);
  });

  it("what it held goes to another node at the end of the grace time", () => {
    work();
    machine.cancel(stream);
    machine.pass(20_000);
    const other = machine.node("n2");
    passOther(other, 9_000);
    expect(pushed(other)).toEqual([]);
    passOther(other, 1_000);
    expect(pushed(other)).toEqual(["e2 Void"]);
  });

  it("its waiting calls end empty when it is given up", () => {
    work();
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    const launch = machine.begin("executor.launch", { id: "e1" });
    machine.cancel(stream);
    machine.pass(30_000);
    expect(launch.reply).toEqual({});
  });

  function passOther(other: Call<"node.watch">, ms: number): void {
    machine.pass(ms);
    machine.ask("node.beat", { stream: other.token, report: { name: "n2" } });
  }
});

describe("a node that registers again", () => {
  it("within the grace time keeps its executors and their tasks", () => {
    work();
    machine.cancel(stream);
    machine.pass(29_999);
    stream = machine.node("n1", undefined, ["e1"]);
    passWithHeartbeats(60_000);
    expect(machine.executors).toEqual(["e1 Bound s"]);
    expect(machine.tables.task("s", 1)?.state).toBe("Running");
    expect(pushed(stream)).toEqual([]);
  });

  it("without an executor that it had: that one is gone, and its task is Pending again at once", () => {
    work();
    stream = machine.node("n1");
    const task = machine.tables.task("s", 1);
    expect(task?.state).toBe("Pending");
    expect(task?.events.at(-1)?.message).toContain("came back without its executor");
    expect(machine.executors).toEqual(["e2 Void -"]);
    expect(pushed(stream)).toEqual(["e2 Void"]);
  });

  it("with an executor that nobody knows is told to forget it", () => {
    expect(pushed(machine.node("n1", undefined, ["stranger"]))).toEqual(["stranger Released"]);
  });

  it("with an Idle executor whose registration was not recorded: it is Idle here too", () => {
    machine.open("s");
    machine.task("s");
    expect(machine.executors).toEqual(["e1 Void -"]);
    machine.node("n1", undefined, ["e1"]);
    expect(machine.executors).toEqual(["e1 Binding s"]);
  });

  it("after it was given up is Ready, and must forget what it had", () => {
    work();
    machine.cancel(stream);
    machine.pass(30_000);
    expect(pushed(machine.node("n1", undefined, ["e1"]))).toContain("e1 Released");
    expect(node().state).toBe("Ready");
  });

  it("ends its older stream, and what that one does later says nothing about the node", () => {
    const older = stream;
    stream = machine.node("n1");
    expect(older.ended).toBe(true);
    machine.cancel(older);
    machine.beat(older, "n1");
    expect(node().state).toBe("Ready");
    machine.open("s");
    machine.task("s");
    expect([pushed(older), pushed(stream)]).toEqual([[], ["e1 Void"]]);
    passWithHeartbeats(15_000);
    expect(node().state).toBe("Ready");
  });

  it("a second stream takes the place of the first", () => {
    const second = machine.begin("node.watch", { report: { name: "n1" } });
    expect(stream.ended).toBe(true);
    machine.open("s");
    machine.task("s");
    expect(pushed(second)).toEqual(["e1 Void"]);
    expect(pushed(stream)).toEqual([]);
  });
});

describe("ReleaseNode and SyncNode", () => {
  it("a released node is gone, and what it held goes back", () => {
    work();
    machine.ask("node.release", { name: "n1" });
    expect(machine.refusal("node.get", { name: "n1" }).code).toBe("not_found");
    expect(stream.ended).toBe(true);
    expect(machine.executors).toEqual([]);
    expect(machine.tables.task("s", 1)?.events.at(-1)?.message).toContain("was released");
    // Again: success, with nothing to answer.
    machine.ask("node.release", { name: "n1" });
  });

  it("SyncNode answers the node and its executors", () => {
    work();
    const answer = machine.ask("node.sync", { report: { name: "n1" } });
    expect(answer.node.name).toBe("n1");
    expect(answer.executors.map(({ id }) => id)).toEqual(["e1"]);
  });

  it("SyncNode refuses a node that is lost", () => {
    machine.cancel(stream);
    const error = machine.refusal("node.sync", { report: { name: "n1" } });
    expect(error).toMatchObject({ code: "invalid_state" });
    expect(error.message).toContain("node n1 is Unknown");
  });

  it("a node that only ever syncs is lost when it no longer does", () => {
    machine.ask("node.sync", { report: { name: "n2", capacity: { cpu: 1, memory: gib, gpu: 0 } } });
    expect(machine.ask("node.get", { name: "n2" }).state).toBe("Ready");
    machine.pass(15_000);
    expect(machine.ask("node.get", { name: "n2" }).state).toBe("Unknown");
  });
});
