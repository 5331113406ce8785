import { beforeEach, describe, expect, it } from "@jest/globals";
import { type Call, gib, Machine } from "./machine.ts";

let machine: Machine;

beforeEach(() => {
  machine = new Machine({ nodeSilenceMs: 10_000_000 });
  machine.register("app");
  machine.register("other");
});

/** Every executor as a node would bring it: registered, bound, waiting for tasks. Answers their LaunchTask calls. */
function bindAll(): Map<string, Call<"executor.launch">> {
  const launches = new Map<string, Call<"executor.launch">>();
  for (const { record } of [...machine.state.executors.all()]) {
    if (record.state === "Void") machine.ask("executor.register", { id: record.id, shim: "Host" });
    if (machine.executor(record.id)?.state === "Binding")
      machine.ask("executor.bindCompleted", { id: record.id, outcome: { returnCode: 0 } });
    if (machine.executor(record.id)?.state === "Bound")
      launches.set(record.id, machine.begin("executor.launch", { id: record.id }));
  }
  return launches;
}
function leave(id: string): void {
  machine.ask("executor.unbind", { id });
  machine.ask("executor.unbindCompleted", { id });
}
const done = (id: string): void => {
  machine.ask("executor.complete", { id, outcome: { returnCode: 0 } });
};

describe("how many executors a session gets", () => {
  it("one for each open task, as far as there is room", () => {
    machine.node("n1");
    machine.open("s");
    for (let task = 0; task < 3; task++) machine.task("s");
    expect(machine.executors).toHaveLength(3);
    for (let task = 0; task < 3; task++) machine.task("s");
    expect(machine.executors).toHaveLength(4);
  });

  it("no second one while the first is on its way", () => {
    machine.node("n1");
    machine.open("s");
    machine.task("s");
    machine.walk("e1", "Idle");
    machine.begin("executor.bind", { id: "e1" });
    machine.pass(60_000);
    expect(machine.executors).toEqual(["e1 Binding s"]);
  });

  it("as many as fit on the node, in every resource", () => {
    machine.node("n1", { cpu: 8, memory: 8 * gib, gpu: 2 });
    machine.open("s", { resreq: { cpu: 1, memory: 3 * gib, gpu: 1 } });
    for (let task = 0; task < 9; task++) machine.task("s");
    expect(machine.executors).toHaveLength(2);
  });

  it("not more on one node than the cluster allows", () => {
    machine = new Machine({ executorsPerNodeMax: 2 });
    machine.register("app");
    machine.node("n1");
    machine.open("s");
    for (let task = 0; task < 4; task++) machine.task("s");
    expect(machine.executors).toHaveLength(2);
  });

  it("never more than max_instances, also while one is leaving", () => {
    machine.node("n1");
    machine.open("s", { maxInstances: 1 });
    for (let task = 0; task < 3; task++) machine.task("s");
    bindAll();
    expect(machine.executors).toEqual(["e1 Bound s"]);
    machine.ask("executor.unbind", { id: "e1" });
    expect(machine.executors).toEqual(["e1 Unbinding s"]);
    machine.ask("executor.unbindCompleted", { id: "e1" });
    expect(machine.executors).toEqual(["e1 Binding s"]);
  });

  it("none with max_instances 0", () => {
    machine.node("n1");
    machine.open("s", { maxInstances: 0 });
    machine.task("s");
    expect(machine.executors).toEqual([]);
  });

  it("over all sessions of an application never more than its max_instances", () => {
    machine.register("pair", { max_instances: 2 });
    machine.node("n1");
    machine.open("a", { application: "pair" });
    machine.open("b", { application: "pair" });
    for (let task = 0; task < 2; task++) machine.task("a");
    const launches = bindAll();
    for (let task = 0; task < 2; task++) machine.task("b");
    expect(machine.executors).toEqual(["e1 Bound a", "e2 Bound a"]);
    expect(launches.get("e1")?.reply?.task?.id).toBe(1);
    done("e1");
    done("e2");
    machine.ask("session.close", { id: "a" });
    expect(machine.executors).toHaveLength(2);
    leave("e1");
    expect(machine.executors).toEqual(["e1 Binding b", "e2 Bound a"]);
  });

  it("of an application at its max_instances: what waits in one session goes to another one at once", () => {
    machine.register("pair", { max_instances: 2, delay_release: 60 });
    machine.node("n1");
    machine.open("a", { application: "pair" });
    machine.open("b", { application: "pair" });
    for (let task = 0; task < 2; task++) machine.task("a");
    bindAll();
    done("e1");
    done("e2");
    const launches = bindAll();
    expect(launches.get("e1")?.replied).toBe(false);
    machine.task("b");
    expect(launches.get("e1")?.reply).toEqual({});
    expect(launches.get("e2")?.replied).toBe(false);
    leave("e1");
    expect(machine.executors).toEqual(["e1 Binding b", "e2 Bound a"]);
  });

  it("min_instances of them without any task, and they stay warm", () => {
    machine.register("hasty", { delay_release: 1 });
    machine.node("n1");
    machine.open("s", { application: "hasty", minInstances: 2 });
    machine.task("s");
    const launches = bindAll();
    expect(machine.executors).toEqual(["e1 Bound s", "e2 Bound s"]);
    expect(launches.get("e1")?.reply?.task?.id).toBe(1);
    done("e1");
    const again = machine.begin("executor.launch", { id: "e1" });
    machine.pass(60_000);
    expect(again.replied).toBe(false);
    expect(launches.get("e2")?.replied).toBe(false);
    machine.task("s");
    expect([again, launches.get("e2")].filter((call) => call?.replied)).toHaveLength(1);
  });

  it("more than min_instances leave after delay_release, down to min_instances", () => {
    machine.register("hasty", { delay_release: 1 });
    machine.node("n1");
    machine.open("s", { application: "hasty", minInstances: 1 });
    for (let task = 0; task < 3; task++) machine.task("s");
    bindAll();
    const waiting = ["e1", "e2", "e3"].map((id) => {
      done(id);
      return machine.begin("executor.launch", { id });
    });
    machine.pass(10_000);
    expect(waiting.filter(({ replied }) => replied)).toHaveLength(2);
  });

  it("with min_instances and delay_release 0 they wait all the same", () => {
    machine.register("eager", { delay_release: 0 });
    machine.node("n1");
    machine.open("s", { application: "eager", minInstances: 1 });
    const launches = bindAll();
    machine.pass(60_000);
    expect(launches.get("e1")?.replied).toBe(false);
  });
});

describe("who comes first", () => {
  it("the higher priority, then the older session", () => {
    machine.open("young");
    machine.pass(1);
    machine.open("younger");
    machine.pass(1);
    machine.open("urgent", { priority: 1 });
    for (const id of ["younger", "young", "urgent"]) machine.task(id);
    machine.node("n1", { cpu: 2, memory: 8 * gib, gpu: 0 });
    bindAll();
    expect(machine.executors).toEqual(["e1 Bound urgent", "e2 Bound young"]);
  });

  it("a session that no node can run holds nobody up", () => {
    machine.open("huge", { priority: 9, resreq: { cpu: 99, memory: gib, gpu: 0 } });
    machine.open("s");
    machine.task("huge");
    machine.task("s");
    machine.node("n1");
    bindAll();
    expect(machine.executors).toEqual(["e1 Bound s"]);
  });

  it("a needy older session keeps later ones off the nodes that it could use", () => {
    machine.node("n1", { cpu: 2, memory: 8 * gib, gpu: 0 });
    machine.open("first");
    machine.task("first");
    const [[, working]] = bindAll() as Iterable<[string, Call<"executor.launch">]> as [
      [string, Call<"executor.launch">],
    ];
    expect(working.reply?.task?.id).toBe(1);
    machine.pass(1);
    machine.open("wide", { resreq: { cpu: 2, memory: gib, gpu: 0 } });
    machine.pass(1);
    machine.open("late");
    machine.task("wide");
    machine.task("late");
    // One CPU is free and `late` would fit; `wide` would then wait forever.
    expect(machine.executors).toEqual(["e1 Bound first"]);
    done("e1");
    machine.ask("session.close", { id: "first" });
    leave("e1");
    expect(machine.executors).toEqual(["e1 Releasing -"]);
    machine.ask("executor.unregister", { id: "e1" });
    bindAll();
    expect(machine.executors).toEqual(["e2 Bound wide"]);
  });

  it("what a session of higher priority no longer needs goes to the next one without waiting for an event", () => {
    machine.node("n1", { cpu: 3, memory: 8 * gib, gpu: 0 });
    machine.open("wide", { priority: 1, resreq: { cpu: 2, memory: gib, gpu: 0 } });
    machine.pass(1);
    machine.open("late");
    for (let task = 0; task < 2; task++) machine.task("wide");
    machine.task("late");
    bindAll();
    expect(machine.executors).toEqual(["e1 Bound wide"]);
    done("e1");
    // From now on `wide` has what it needs.
    expect(machine.executors).toEqual(["e1 Bound wide", "e2 Void -"]);
  });
});

describe("executors that only wait", () => {
  beforeEach(() => {
    machine.node("n1", { cpu: 2, memory: 8 * gib, gpu: 0 });
    machine.open("idle");
    for (let task = 0; task < 2; task++) machine.task("idle");
    bindAll();
    for (const id of ["e1", "e2"]) done(id);
  });
  const wait = (id: string) => machine.begin("executor.launch", { id });

  it("are taken back when another session lacks room, no more of them than it needs", () => {
    const waiting = [wait("e1"), wait("e2")];
    machine.open("needy");
    machine.task("needy");
    expect(waiting.map(({ replied }) => replied)).toEqual([true, false]);
    leave("e1");
    expect(machine.executors).toEqual(["e1 Binding needy", "e2 Bound idle"]);
  });

  it("are taken back for a session that needs executors of another size", () => {
    const waiting = [wait("e1"), wait("e2")];
    machine.open("wide", { resreq: { cpu: 2, memory: gib, gpu: 0 } });
    machine.task("wide");
    expect(waiting.map(({ reply }) => reply)).toEqual([{}, {}]);
    for (const id of ["e1", "e2"]) {
      leave(id);
      machine.ask("executor.unregister", { id });
    }
    expect(machine.executors).toEqual(["e3 Void -"]);
  });

  it("are left alone while there is room elsewhere", () => {
    machine.node("n2");
    const waiting = [wait("e1"), wait("e2")];
    machine.open("needy");
    machine.task("needy");
    expect(waiting.map(({ replied }) => replied)).toEqual([false, false]);
  });

  it("are left alone when taking them back would not make enough room", () => {
    const waiting = [wait("e1"), wait("e2")];
    machine.open("huge", { resreq: { cpu: 2, memory: 9 * gib, gpu: 0 } });
    machine.task("huge");
    expect(waiting.map(({ replied }) => replied)).toEqual([false, false]);
  });

  it("that work are never taken back", () => {
    machine.task("idle");
    machine.ask("executor.launch", { id: "e1" });
    const waiting = wait("e2");
    machine.open("wide", { resreq: { cpu: 2, memory: gib, gpu: 0 } });
    machine.task("wide");
    expect(waiting.replied).toBe(false);
    expect(machine.executors).toEqual(["e1 Bound idle", "e2 Bound idle"]);
  });

  it("that min_instances keeps are never taken back", () => {
    machine.open("warm", { minInstances: 1, priority: 1 });
    const waiting = [wait("e1"), wait("e2")];
    leave(waiting[0]?.replied === true ? "e1" : "e2");
    const warm = machine.executors.find((text) => text.endsWith("warm"))!.split(" ")[0]!;
    machine.ask("executor.bindCompleted", { id: warm, outcome: { returnCode: 0 } });
    const kept = wait(warm);
    machine.open("wide", { priority: 9, resreq: { cpu: 2, memory: gib, gpu: 0 } });
    machine.task("wide");
    expect(kept.replied).toBe(false);
  });
});

describe("idle executors", () => {
  it("are released when no session needs them, and their BindExecutor ends empty", () => {
    machine.node("n1");
    machine.open("s");
    machine.task("s");
    bindAll();
    done("e1");
    machine.ask("session.close", { id: "s" });
    machine.ask("executor.unbind", { id: "e1" });
    const bind = machine.begin("executor.bind", { id: "e1" });
    machine.ask("executor.unbindCompleted", { id: "e1" });
    expect(machine.executors).toEqual(["e1 Releasing -"]);
    expect(bind.reply ?? machine.ask("executor.bind", { id: "e1" })).toEqual({});
  });

  it("serve another session only with exactly its resources", () => {
    machine.node("n1");
    machine.open("s");
    machine.task("s");
    bindAll();
    done("e1");
    machine.ask("session.close", { id: "s" });
    machine.open("more", { resreq: { cpu: 1, memory: 2 * gib, gpu: 0 } });
    machine.task("more");
    leave("e1");
    expect(machine.executors).toEqual(["e1 Releasing -", "e2 Void -"]);
  });
});
