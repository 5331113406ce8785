import { beforeEach, describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import type { SessionRequest } from "../../../src/model/session.ts";
import { gib, Machine, requestOf, small } from "./machine.ts";

const caller = internalCaller;
let machine: Machine;

beforeEach(() => {
  machine = new Machine();
  machine.register("app");
});

const create = (id: string, request: Partial<SessionRequest> = {}) =>
  ({ id, request: requestOf(request), caller }) as const;

describe("CreateSession", () => {
  it("answers an open session of the application's present revision, without tasks", () => {
    const { record, counts } = machine.ask("session.create", create("s", { priority: 3 }));
    expect(record).toMatchObject({
      id: "s",
      application: "app",
      applicationRevision: 1,
      state: "Open",
      creationTime: machine.now,
      resreq: small,
      minInstances: 0,
      priority: 3,
      owner: caller.name,
    });
    expect(record.completionTime).toBeUndefined();
    expect(record).not.toHaveProperty("maxInstances");
    expect(counts).toEqual({ pending: 0, running: 0, succeed: 0, failed: 0, cancelled: 0 });
  });

  it("keeps what the client says it needs, else what the cluster says", () => {
    const resreq = { cpu: 2, memory: gib, gpu: 1 };
    expect(machine.ask("session.create", create("a", { resreq })).record.resreq).toEqual(resreq);
    expect(machine.ask("session.create", create("b")).record.resreq).toEqual(small);
  });

  it("tells absent common data from empty ones", () => {
    const { record: none } = machine.ask("session.create", create("a"));
    const { record: empty } = machine.ask(
      "session.create",
      create("b", { commonData: Buffer.alloc(0) }),
    );
    expect(none).not.toHaveProperty("commonDataBytes");
    expect(empty.commonDataBytes).toBe(0);
    expect(machine.tables.commonData("b")).toEqual(Buffer.alloc(0));
  });

  it("tells a session of a Host application without a command that nothing of it can start", () => {
    machine.register("none", { command: undefined as never });
    machine.register("blank", { command: " " });
    machine.register("wasm", { shim: "Wasm", command: undefined as never });
    const events = (application: string): readonly (readonly [number, string])[] =>
      machine
        .ask("session.create", create(`of-${application}`, { application }))
        .record.events.map(({ code, message }) => [code, message]);
    expect(events("none")).toEqual([
      [
        1009,
        "application none has no command (revision 1): no service of it can start, so that the tasks of this session stay Pending; give it one (flmctl edit app none) and open another session",
      ],
    ]);
    expect(events("blank").map(([code]) => code)).toEqual([1009]);
    expect(events("wasm")).toEqual([]);
    expect(events("app")).toEqual([]);
  });

  it("refuses an unknown application", () => {
    const error = machine.refusal("session.create", create("s", { application: "nope" }));
    expect(error).toMatchObject({ code: "not_found" });
    expect(error.message).toContain("application nope not found");
  });

  it.each(["Open", "Closed"])("refuses the id of a session that is %s", (state) => {
    machine.open("s");
    machine.task("s");
    if (state === "Closed") machine.ask("session.close", { id: "s" });
    const before = machine.ask("session.get", { id: "s" });
    const error = machine.refusal("session.create", create("s"));
    expect(error).toMatchObject({ code: "already_exists" });
    expect(error.message).toContain("session s already exists");
    expect(before.record.state).toBe(state);
    expect(machine.ask("session.get", { id: "s" })).toEqual(before);
  });

  it.each(["", "a/b", "a\\b", "..", "a\u0000", "x".repeat(254)])("refuses the id %j", (id) => {
    const error = machine.refusal("session.create", create(id));
    expect(error).toMatchObject({ code: "invalid_argument" });
    expect(error.message).toContain("invalid session id");
  });
});

describe("OpenSession", () => {
  const open = (id: string, request?: Partial<SessionRequest>) => ({
    id,
    ...(request !== undefined && { request: requestOf(request) }),
    caller,
  });

  it("creates an absent session when it is told how", () => {
    expect(machine.ask("session.open", open("s", {})).record.state).toBe("Open");
    expect(machine.ask("session.list", {}).map(({ record }) => record.id)).toEqual(["s"]);
  });

  it("does not invent an absent session", () => {
    const error = machine.refusal("session.open", open("s"));
    expect(error).toMatchObject({ code: "not_found" });
    expect(error.message).toContain("not found");
  });

  it("refuses an unknown application as CreateSession does", () => {
    expect(machine.refusal("session.open", open("s", { application: "nope" })).code).toBe(
      "not_found",
    );
  });

  it("two at once make one session", () => {
    const command = (token: number) =>
      ({ kind: "session.open", input: open("s", {}), token }) as const;
    machine.turn([command(-1), command(-2)]);
    expect([...machine.state.sessions.all()]).toHaveLength(1);
  });

  it("answers the session that is open already, with its counts", () => {
    machine.open("s");
    machine.task("s");
    for (const request of [undefined, {}])
      expect(machine.ask("session.open", open("s", request)).counts.pending).toBe(1);
  });

  it.each([undefined, {}])("refuses a closed session, given %j", (request) => {
    machine.open("s");
    machine.ask("session.close", { id: "s" });
    const error = machine.refusal("session.open", open("s", request));
    expect(error).toMatchObject({ code: "invalid_state" });
    expect(error.message).toContain("session s is not open");
  });

  const differences: readonly (readonly [string, Partial<SessionRequest>, string])[] = [
    ["application", { application: "other" }, "(expected app, got other)"],
    [
      "resreq",
      { resreq: { cpu: 2, memory: gib, gpu: 0 } },
      "(expected cpu=1,mem=1Gi,gpu=0, got cpu=2,mem=1Gi,gpu=0)",
    ],
    ["min_instances", { minInstances: 1 }, "(expected 0, got 1)"],
    ["max_instances", { maxInstances: 4 }, "(expected unlimited, got 4)"],
    ["priority", { priority: 7 }, "(expected 0, got 7)"],
    ["packages", { packages: ["numpy>=2", "six"] }, "(expected none, got numpy>=2, six)"],
  ];
  it.each(differences)("a different %s is named", (field, request, detail) => {
    machine.register("other");
    machine.open("s");
    const error = machine.refusal("session.open", open("s", request));
    expect(error).toMatchObject({ code: "invalid_argument" });
    expect(error.message).toBe(`session s spec mismatch: ${field} differs ${detail}`);
  });

  it("names the first difference in the order of the table", () => {
    machine.open("s");
    const all = differences.reduce((sum, [, request]) => ({ ...sum, ...request }), {});
    for (const [field, request] of differences) {
      expect(machine.refusal("session.open", open("s", all)).message).toContain(
        `spec mismatch: ${field} differs`,
      );
      for (const key of Object.keys(request)) Reflect.deleteProperty(all, key);
    }
  });

  it("a maximum that is absent differs from one that is there, both ways", () => {
    machine.open("s", { maxInstances: 2 });
    expect(machine.refusal("session.open", open("s", {})).message).toContain(
      "max_instances differs (expected 2, got unlimited)",
    );
  });

  it("resources that are the default match absent ones", () => {
    machine.open("s");
    expect(machine.ask("session.open", open("s", { resreq: { ...small } })).record.id).toBe("s");
  });

  it("does not compare common data", () => {
    machine.open("s", { commonData: Buffer.from("a") });
    const request = { commonData: Buffer.from("b") };
    expect(machine.ask("session.open", open("s", request)).record.commonDataBytes).toBe(1);
    expect(machine.tables.commonData("s")?.toString()).toBe("a");
  });
});

describe("CloseSession", () => {
  it("cancels Pending tasks; later calls succeed and keep the first completion time", () => {
    machine.open("s");
    machine.task("s");
    machine.task("s");
    const closedAt = machine.now;
    const closed = machine.ask("session.close", { id: "s" });
    expect(closed.record).toMatchObject({ state: "Closed", completionTime: closedAt });
    expect(closed.counts).toMatchObject({ pending: 0, cancelled: 2 });
    expect(machine.tables.tasks("s", 0, 9).map(({ state }) => state)).toEqual([
      "Cancelled",
      "Cancelled",
    ]);
    machine.pass(1000);
    expect(machine.ask("session.close", { id: "s" }).record.completionTime).toBe(closedAt);
  });

  it("is refused while a task runs, and changes nothing", () => {
    machine.node("n1");
    machine.open("s");
    machine.task("s");
    machine.task("s");
    machine.walk("e1", "Bound");
    machine.ask("executor.launch", { id: "e1" });
    const error = machine.refusal("session.close", { id: "s" });
    expect(error).toMatchObject({ code: "internal" });
    expect(error.message).toContain("Cannot close session with running tasks");
    expect(machine.ask("session.get", { id: "s" })).toMatchObject({
      record: { state: "Open" },
      counts: { pending: 1, running: 1, cancelled: 0 },
    });
  });

  it("ends the LaunchTask calls that wait for its tasks", () => {
    machine.node("n1");
    machine.open("s");
    machine.task("s");
    machine.walk("e1", "Bound");
    machine.ask("executor.launch", { id: "e1" });
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    const waiting = machine.begin("executor.launch", { id: "e1" });
    expect(waiting.replied).toBe(false);
    machine.ask("session.close", { id: "s" });
    expect(waiting.reply).toEqual({});
  });

  it("makes a bind that is under way end empty", () => {
    machine.node("n1");
    machine.open("s");
    machine.task("s");
    machine.ask("executor.register", { id: "e1", shim: "Host" });
    machine.ask("session.close", { id: "s" });
    expect(machine.ask("executor.bind", { id: "e1" })).toEqual({});
  });

  it("does not know an unknown session", () => {
    expect(machine.refusal("session.close", { id: "s" }).code).toBe("not_found");
  });
});

describe("DeleteSession", () => {
  it("answers the closed session, and it is gone with its tasks", () => {
    machine.open("s");
    machine.task("s");
    machine.ask("session.close", { id: "s" });
    expect(machine.ask("session.delete", { id: "s" })).toMatchObject({
      record: { id: "s", state: "Closed" },
      counts: { cancelled: 1 },
    });
    expect(machine.refusal("session.get", { id: "s" }).message).toContain("session s not found");
    expect(machine.tables.tasks("s", 0, 9)).toEqual([]);
  });

  it("refuses an open session and changes nothing", () => {
    machine.open("s");
    const error = machine.refusal("session.delete", { id: "s" });
    expect(error).toMatchObject({ code: "invalid_state" });
    expect(error.message).toContain("Cannot delete open session s");
    expect(machine.ask("session.get", { id: "s" }).record.state).toBe("Open");
  });

  it("does not know an unknown session", () => {
    expect(machine.refusal("session.delete", { id: "s" }).code).toBe("not_found");
  });

  it("frees the id, and task ids begin again", () => {
    machine.open("s");
    machine.task("s");
    machine.ask("session.close", { id: "s" });
    machine.ask("session.delete", { id: "s" });
    machine.open("s");
    expect(machine.task("s").id).toBe(1);
  });

  it("an executor that was still bound to it serves nobody, and comes back", () => {
    machine.node("n1");
    machine.open("s");
    machine.task("s");
    machine.walk("e1", "Bound");
    machine.ask("session.close", { id: "s" });
    machine.ask("session.delete", { id: "s" });
    expect(machine.executors).toEqual(["e1 Bound -"]);
    expect(machine.ask("executor.launch", { id: "e1" })).toEqual({});
    machine.ask("executor.unbind", { id: "e1" });
    machine.ask("executor.unbindCompleted", { id: "e1" });
    expect(machine.executors).toEqual(["e1 Releasing -"]);
  });
});

describe("sessions that are kept", () => {
  it("are limited: the one closed longest ago goes, open ones never", () => {
    machine = new Machine({ sessionsMax: 2 });
    machine.register("app");
    for (const id of ["a", "b"]) machine.open(id);
    machine.pass(1);
    machine.ask("session.close", { id: "b" });
    machine.pass(1);
    machine.ask("session.close", { id: "a" });
    machine.open("c");
    expect(machine.ask("session.list", {}).map(({ record }) => record.id)).toEqual(["a", "c"]);
    machine.open("d");
    machine.open("e");
    expect(machine.ask("session.list", {}).map(({ record }) => record.id)).toEqual(["c", "d", "e"]);
  });
});

describe("closed sessions", () => {
  it("go when their retention has passed, counted from the close, also over a restart", async () => {
    machine = new Machine({ closedSessionRetentionMs: 10_000 });
    machine.register("app");
    machine.open("a");
    machine.open("b");
    machine.ask("session.close", { id: "a" });
    machine.pass(5_000);
    machine.ask("session.close", { id: "b" });
    await machine.restart();
    machine.pass(4_999);
    expect(machine.ask("session.list", {})).toHaveLength(2);
    machine.pass(1);
    expect(machine.ask("session.list", {}).map(({ record }) => record.id)).toEqual(["b"]);
    machine.pass(5_000);
    expect(machine.ask("session.list", {})).toEqual([]);
  });
});

describe("applications with sessions", () => {
  const manifest = { command: "/bin/other" };
  const input = {
    name: "app",
    manifest,
    spec: {
      shim: "Host",
      labels: [],
      arguments: [],
      environments: {},
      max_instances: 1,
      delay_release: 1,
      max_crashes: 5,
      max_lost_nodes: 10,
      ...manifest,
    },
    origin: "api",
    author: "test",
  } as const;

  it("are not updated or unregistered while one is open", () => {
    machine.open("s");
    for (const error of [
      machine.refusal("application.update", input),
      machine.refusal("application.unregister", { name: "app", author: "alice" }),
    ]) {
      expect(error).toMatchObject({ code: "invalid_state" });
      expect(error.message).toContain("1 open session");
    }
  });

  it("take their closed sessions along", () => {
    machine.open("s");
    machine.ask("session.close", { id: "s" });
    machine.ask("application.unregister", { name: "app", author: "alice" });
    expect(machine.ask("session.list", {})).toEqual([]);
    expect(machine.refusal("session.get", { id: "s" }).code).toBe("not_found");
  });

  it("give open sessions the revision they were created with when a default follows its file", async () => {
    const seed = (command: string) =>
      machine.ask("application.seed", {
        defaults: [
          { name: "d", manifest: { command }, spec: { ...input.spec, command }, author: "file" },
        ],
      });
    seed("/bin/one");
    machine.node("n1");
    machine.open("old", { application: "d" });
    seed("/bin/two");
    machine.open("new", { application: "d" });
    await machine.restart();
    machine.node("n1");
    machine.task("old");
    machine.ask("executor.register", { id: "e1", shim: "Host" });
    const { bound } = machine.ask("executor.bind", { id: "e1" });
    expect(bound?.application.spec.command).toBe("/bin/one");
    expect(machine.state.sessions.get("new").record.applicationRevision).toBe(2);
  });
});
