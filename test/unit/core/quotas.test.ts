import { describe, expect, it } from "@jest/globals";
import type { Caller } from "../../../src/model/caller.ts";
import { FlameError } from "../../../src/model/errors.ts";
import type { Quota } from "../../../src/model/quota.ts";
import { Machine } from "./machine.ts";
import { WorkNode } from "./work-node.ts";

function caller(name: string, id = `name ${name}`): Caller {
  return {
    name,
    from: "127.0.0.1:1",
    authenticatedBy: "token",
    identity: { id, accepts: () => true },
    grants: [{ role: "user" }],
  };
}

interface Given {
  readonly as?: Caller;
  readonly commonData?: Buffer;
}

function machineWith(...quotas: Quota[]): Machine {
  const machine = new Machine({ quotas });
  machine.register("app");
  machine.node("n1");
  return machine;
}

const creation = (id: string, { as = caller("alice"), commonData }: Given = {}) => ({
  id,
  request: {
    application: "app",
    minInstances: 0,
    priority: 0,
    ...(commonData !== undefined && { commonData }),
  },
  caller: as,
});
const open = (machine: Machine, id: string, given?: Given): void =>
  void machine.ask("session.create", creation(id, given));
const create = (machine: Machine, sessionId: string, bytes = 0): void =>
  void machine.ask("task.create", { sessionId, input: Buffer.alloc(bytes) });

/** One task of the session begins and ends. */
function runOne(machine: Machine, executor: string): void {
  machine.ask("executor.launch", { id: executor });
  machine.ask("executor.complete", { id: executor, outcome: { returnCode: 0 } });
}

describe("quota max_open_sessions", () => {
  const quota = { names: ["*"], maxOpenSessions: 2 };

  it("refuses one more, and says whose it is, how much it is and what to do", () => {
    const machine = machineWith(quota);
    open(machine, "a");
    open(machine, "b");
    const refused = machine.refusal("session.create", creation("c"));
    expect(refused).toMatchObject({ code: "resource_exhausted", retryAfterMs: 5_000 });
    expect(refused.message).toBe(
      "session c was not created: alice has 2 open sessions; the quota is 2 (cluster.security.quotas[0].max_open_sessions): " +
        "close some, or ask an administrator for more (docs/security.md, 38)",
    );
    const { id, request, caller: as } = creation("c");
    expect(machine.refusal("session.open", { id, request, caller: as }).code).toBe(
      "resource_exhausted",
    );
    expect(machine.state.sessions.find("c")).toBeUndefined();
  });

  it("is for each identity by itself, and for nobody where callers are not told apart", () => {
    const machine = machineWith(quota);
    for (const id of ["a", "b"]) open(machine, id);
    for (const id of ["c", "d"]) open(machine, id, { as: caller("bob") });
    for (const id of ["e", "f"]) open(machine, id, { as: caller("token", "token 1f0c") });
    for (const id of ["g", "h", "i"]) machine.open(id);
    for (const as of [caller("bob"), caller("token", "token 1f0c")])
      expect(machine.refusal("session.create", creation("x", { as })).code).toBe(
        "resource_exhausted",
      );
  });

  it("gives back what was closed, whoever closed it, and counts what is open after a restart", async () => {
    const machine = machineWith(quota);
    for (const id of ["a", "b"]) open(machine, id);
    machine.ask("session.close", { id: "a" });
    open(machine, "c");
    await machine.restart();
    expect(machine.refusal("session.create", creation("d")).message).toContain("2 open sessions");
    machine.ask("session.close", { id: "b" });
    open(machine, "d");
  });
});

describe("quota max_open_tasks", () => {
  it("counts the Pending and Running tasks of all sessions of their owner", async () => {
    const machine = machineWith({ names: ["alice"], maxOpenTasks: 3 });
    open(machine, "a");
    open(machine, "b");
    create(machine, "a");
    create(machine, "a");
    create(machine, "b");
    const refused = machine.refusal("task.create", { sessionId: "b" });
    expect(refused).toMatchObject({ code: "resource_exhausted", retryAfterMs: 1_000 });
    expect(refused.message).toBe(
      "the task was not created: alice, who owns session b, has 3 open tasks; the quota is 3 " +
        "(cluster.security.quotas[0].max_open_tasks): wait until some have ended, or ask an administrator for more (docs/security.md, 38)",
    );
    machine.walk("e1", "Bound");
    machine.ask("executor.launch", { id: "e1" });
    await machine.restart();
    expect(machine.refusal("task.create", { sessionId: "a" }).message).toContain("3 open tasks");
    machine.ask("session.cancel", {
      ...{ sessionId: "b", pendingOnly: true, close: false },
      caller: caller("alice"),
    });
    create(machine, "a");
    expect(machine.refusal("task.create", { sessionId: "a" }).message).toContain("3 open tasks");
  });

  it("refuses of a batch what is beyond it, and takes as much again when tasks end", () => {
    const machine = machineWith({ names: ["alice"], maxOpenTasks: 2 });
    open(machine, "a");
    const submit = (first: number, count: number): unknown =>
      machine.ask("submit.tasks", {
        sessionId: "a",
        producer: "p",
        first,
        inputs: Array.from({ length: count }, () => undefined),
      });
    expect(submit(1, 4)).toMatchObject({
      outcomes: [
        { kind: "created", count: 2 },
        { kind: "refused", count: 2, error: { code: "resource_exhausted" } },
      ],
    });
    machine.walk("e1", "Bound");
    runOne(machine, "e1");
    expect(submit(5, 2)).toMatchObject({
      outcomes: [
        { kind: "created", count: 1 },
        { kind: "refused", count: 1 },
      ],
    });
  });
});

describe("quota max_open_bytes", () => {
  const quota = { names: ["alice"], maxOpenBytes: 1_000 };

  it("counts inputs of open tasks and common data of open sessions", async () => {
    const machine = machineWith(quota);
    open(machine, "a", { commonData: Buffer.alloc(400) });
    create(machine, "a", 600);
    const refused = machine.refusal("task.create", { sessionId: "a", input: Buffer.alloc(1) });
    expect(refused).toMatchObject({ code: "resource_exhausted", retryAfterMs: 1_000 });
    expect(refused.message).toContain(
      "has 1000 bytes in the inputs of open tasks and the common data of open sessions, and this input has 1; " +
        "the quota is 1000 (cluster.security.quotas[0].max_open_bytes)",
    );
    machine.walk("e1", "Bound");
    runOne(machine, "e1");
    create(machine, "a", 600);
    await machine.restart();
    expect(
      machine.refusal("session.create", creation("b", { commonData: Buffer.alloc(1) })).message,
    ).toContain("and this common data has 1");
    machine.ask("session.close", { id: "a" });
    open(machine, "b", { commonData: Buffer.alloc(1_000) });
  });

  it("does not ask what never fits to come again", () => {
    const machine = machineWith(quota);
    open(machine, "a");
    const refused = machine.refusal("task.create", { sessionId: "a", input: Buffer.alloc(1_001) });
    expect(FlameError.from(refused).retryAfterMs).toBeUndefined();
    expect(refused.message).toContain("put what is large into the object cache");
  });
});

describe("quota max_executors", () => {
  const quota = { names: ["alice"], maxExecutors: 2 };
  const boundTo = (machine: Machine, ...sessions: string[]): number =>
    machine.executors.filter((one) => sessions.some((id) => one.endsWith(` Bound ${id}`))).length;

  it("bounds the executors of all sessions of an owner together, says so to what waits, and leaves the rest to others", () => {
    const machine = machineWith(quota);
    for (const id of ["a", "b"]) open(machine, id);
    open(machine, "c", { as: caller("bob") });
    for (const id of ["a", "a", "a"]) create(machine, id);
    for (const id of ["e1", "e2"]) machine.walk(id, "Bound");
    for (const id of ["e1", "e2"]) machine.begin("executor.launch", { id });
    create(machine, "b");
    create(machine, "c");
    machine.walk("e3", "Bound");
    expect(machine.executors).toHaveLength(3);
    expect([boundTo(machine, "a", "b"), boundTo(machine, "c")]).toEqual([2, 1]);
    machine.pass(10_001);
    expect(machine.state.sessions.get("b").record.events.map(({ message }) => message)).toEqual([
      expect.stringContaining(
        "alice has all 2 executors of its quota (cluster.security.quotas[0].max_executors): session a has 2 executors",
      ),
    ]);
  });

  it("gives what one session of the owner leaves to another one of it", () => {
    const machine = machineWith({ ...quota, maxExecutors: 1 });
    for (const id of ["a", "b"]) open(machine, id);
    create(machine, "a");
    create(machine, "b");
    machine.walk("e1", "Bound");
    expect(machine.executors).toEqual(["e1 Bound a"]);
    runOne(machine, "e1");
    machine.begin("executor.launch", { id: "e1" });
    machine.ask("executor.unbind", { id: "e1" });
    machine.ask("executor.unbindCompleted", { id: "e1" });
    machine.begin("executor.bind", { id: "e1" });
    expect(machine.executors).toEqual(["e1 Binding b"]);
  });

  it("does not count a task that waits for tasks of its own", () => {
    const machine = new Machine({ quotas: [{ ...quota, maxExecutors: 1 }] });
    machine.register("app");
    machine.node("n1", undefined, [], { works: true });
    for (const id of ["outer", "inner"]) open(machine, id);
    create(machine, "outer");
    machine.walk("e1", "Bound");
    const node = new WorkNode(machine, "n1");
    node.ready("e1", 1, []);
    expect(node.heard()).toEqual(["e1 gets 1 as 1.1/1"]);
    create(machine, "inner");
    expect(machine.executors).toEqual(["e1 Bound outer"]);
    node.say({ awaits: [{ executorId: "e1", lease: "1.1/1", sessionIds: ["inner"] }] });
    machine.walk("e2", "Bound");
    expect(machine.executors).toEqual(["e1 Bound outer", "e2 Bound inner"]);
  });

  it("counts what has not left a closed session yet", () => {
    const machine = machineWith({ ...quota, maxExecutors: 1 });
    open(machine, "a");
    create(machine, "a");
    machine.walk("e1", "Bound");
    runOne(machine, "e1");
    machine.begin("executor.launch", { id: "e1" });
    machine.ask("session.close", { id: "a" });
    // It asks for more than that executor has, so that another one has to be made for it.
    const { request, ...rest } = creation("b");
    machine.ask("session.create", {
      ...rest,
      request: { ...request, resreq: { cpu: 2, memory: 1, gpu: 0 } },
    });
    create(machine, "b");
    expect(machine.executors).toEqual(["e1 Bound a"]);
    machine.ask("executor.unbind", { id: "e1" });
    machine.ask("executor.unbindCompleted", { id: "e1" });
    expect(machine.executors.filter((one) => one.includes(" Void "))).toHaveLength(1);
  });
});

describe("cluster.security.quotas", () => {
  it("counts of each quota the first entry that is for the name and says it", () => {
    const machine = machineWith(
      { names: ["alice"], maxOpenSessions: 1 },
      { names: ["CN=bob", "alice"], maxOpenSessions: 5, maxOpenTasks: 1 },
      { names: ["*"], maxOpenTasks: 9 },
    );
    const limitsOf = (id: string): unknown => machine.state.sessions.owners.of(id)?.limits;
    const [first, second, third] = [0, 1, 2].map((at) => `cluster.security.quotas[${at}]`);
    expect(limitsOf("name alice")).toEqual({
      maxOpenSessions: { max: 1, key: `${first}.max_open_sessions` },
      maxOpenTasks: { max: 1, key: `${second}.max_open_tasks` },
    });
    expect(limitsOf("certificate CN=bob")).toEqual({
      maxOpenSessions: { max: 5, key: `${second}.max_open_sessions` },
      maxOpenTasks: { max: 1, key: `${second}.max_open_tasks` },
    });
    expect(limitsOf("token alice")).toEqual({
      maxOpenTasks: { max: 9, key: `${third}.max_open_tasks` },
    });
    expect(
      machineWith({ names: ["alice"], maxOpenTasks: 1 }).state.sessions.owners.of("name bob"),
    ).toBeUndefined();
  });
});
