import { beforeEach, describe, expect, it } from "@jest/globals";
import type { PolicyName } from "../../../src/model/scheduling-policy.ts";
import { gib, Machine } from "./machine.ts";

let machine: Machine;

function begin(policies?: readonly PolicyName[]): void {
  machine = new Machine({ nodeSilenceMs: 10_000_000, ...(policies !== undefined && { policies }) });
  machine.register("app");
}
beforeEach(() => begin());

function tasks(sessionId: string, count: number): void {
  for (let task = 0; task < count; task++) machine.task(sessionId);
}

/** Every executor does its next step, as its node would: one task at most. Returns the sessions of the new binds. */
function step(): string[] {
  const binds: string[] = [];
  for (const { record } of [...machine.state.executors.all()]) {
    const { id } = record;
    switch (machine.executor(id)?.state) {
      case "Void":
        machine.ask("executor.register", { id, shim: "Host" });
        break;
      case "Binding":
        machine.ask("executor.bindCompleted", { id, outcome: { returnCode: 0 } });
        binds.push(machine.executor(id)?.sessionId ?? "");
        break;
      case "Bound":
        work(id);
        break;
      case "Releasing":
        machine.ask("executor.unregister", { id });
        break;
      default:
    }
  }
  return binds;
}

/** Ends the task it has, and asks for the next one; leaves when there is none. */
function work(id: string): void {
  machine.ask("executor.complete", { id, outcome: { returnCode: 0 } });
  const launch = machine.begin("executor.launch", { id });
  if (!launch.replied || launch.reply?.task !== undefined) return;
  machine.ask("executor.unbind", { id });
  machine.ask("executor.unbindCompleted", { id });
}

/** How many executors serve each session. */
function served(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { record } of machine.state.executors.all())
    if (record.sessionId !== undefined)
      counts[record.sessionId] = (counts[record.sessionId] ?? 0) + 1;
  return counts;
}

describe("two sessions of equal priority with long queues", () => {
  beforeEach(() => {
    machine.node("n1");
    machine.open("first");
    tasks("first", 200);
    for (let round = 0; round < 5; round++) step();
    expect(served()).toEqual({ first: 4 });
    machine.pass(1);
    machine.open("second");
    tasks("second", 200);
  });

  it("share the machine evenly, whoever came first", () => {
    for (let round = 0; round < 6; round++) step();
    expect(served()).toEqual({ first: 2, second: 2 });
  });

  it("do not take executors to and fro", () => {
    for (let round = 0; round < 6; round++) step();
    const binds: string[] = [];
    for (let round = 0; round < 30; round++) binds.push(...step());
    expect(binds).toEqual([]);
  });

  it("interrupt no task: an executor goes when it asks for its next one", () => {
    expect(served()).toEqual({ first: 4 });
    expect(machine.state.sessions.get("first").counts.running).toBe(4);
    step();
    const { counts } = machine.state.sessions.get("first");
    expect(counts.failed).toBe(0);
    expect(served()["second"]).toBe(2);
  });

  it("give everything back to the other one when one has ended", () => {
    for (let round = 0; round < 6; round++) step();
    const { counts } = machine.state.sessions.get("second");
    tasks("first", 200);
    while (counts.pending + counts.running > 0) step();
    for (let round = 0; round < 6; round++) step();
    expect(served()).toEqual({ first: 4 });
  });
});

describe("two sessions of an application that has all its instances", () => {
  it("share them evenly, and do not take them to and fro", () => {
    machine.register("four", { max_instances: 4 });
    machine.node("n1", { cpu: 16, memory: 64 * gib, gpu: 0 });
    for (const id of ["first", "second"]) {
      machine.open(id, { application: "four" });
      tasks(id, 200);
      for (let round = 0; round < 6; round++) step();
    }
    expect(served()).toEqual({ first: 2, second: 2 });
    const binds: string[] = [];
    for (let round = 0; round < 30; round++) binds.push(...step());
    expect(binds).toEqual([]);
  });
});

describe("what was recalled", () => {
  beforeEach(() => {
    machine.node("n1");
    machine.open("first");
    tasks("first", 20);
    for (let round = 0; round < 3; round++) step();
    machine.open("second");
    tasks("second", 1);
    expect(machine.state.recalls).toHaveLength(1);
  });

  it("stays when the session that lacked it has gone meanwhile", () => {
    machine.ask("session.close", { id: "second" });
    expect(machine.state.recalls).toEqual([]);
    step();
    expect(served()).toEqual({ first: 4 });
  });

  it("stays when another node comes with room", () => {
    machine.node("n2");
    expect(machine.state.recalls).toEqual([]);
    for (let round = 0; round < 3; round++) step();
    expect(served()).toMatchObject({ second: 1 });
  });

  it("is one executor only, also when several ask in the same turn", () => {
    const before = served()["first"];
    for (const id of ["e1", "e2", "e3", "e4"]) work(id);
    expect([before, served()["first"]]).toEqual([4, 3]);
  });

  it("is found anew after a restart", async () => {
    await machine.restart();
    machine.node("n1", undefined, ["e1", "e2", "e3", "e4"]);
    for (let round = 0; round < 3; round++) step();
    expect(machine.state.sessions.get("second").counts.succeed + (served()["second"] ?? 0)).toBe(1);
  });
});

describe("a stream of sessions", () => {
  it("of the same priority does not starve a large one that came before them", () => {
    machine.node("n1", { cpu: 2, memory: 8 * gib, gpu: 0 });
    machine.open("a0");
    tasks("a0", 1);
    step();
    machine.pass(1);
    machine.open("wide", { resreq: { cpu: 2, memory: gib, gpu: 0 } });
    tasks("wide", 1);
    for (let round = 1; round < 20; round++) {
      machine.pass(1);
      machine.open(`a${round}`);
      tasks(`a${round}`, 1);
      step();
    }
    expect(machine.state.sessions.get("wide").counts.succeed).toBe(1);
  });
});

describe("policy priority alone", () => {
  it("leaves a session the executors that it has tasks for", () => {
    begin(["priority"]);
    machine.node("n1");
    machine.open("first");
    tasks("first", 200);
    for (let round = 0; round < 5; round++) step();
    machine.open("second", { priority: 9 });
    tasks("second", 9);
    for (let round = 0; round < 20; round++) step();
    expect(served()).toEqual({ first: 4 });
  });
});
