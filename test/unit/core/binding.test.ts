import { beforeEach, describe, expect, it } from "@jest/globals";
import type { CoreOptions } from "../../../src/core/state.ts";
import { type Call, Machine } from "./machine.ts";

let machine: Machine;
let stream: Call<"node.watch">;

function begin(options: Partial<CoreOptions> = {}): void {
  // A node that needs no heartbeats, so that time can pass in long strides.
  machine = new Machine({ nodeSilenceMs: 10_000_000, ...options });
  machine.register("app");
  stream = machine.node("n1");
  machine.open("s");
  machine.task("s");
}
beforeEach(() => begin());

const events = (): { code: number; message: string }[] => [
  ...machine.ask("session.get", { id: "s" }).record.events,
];
const codes = (): number[] => events().map(({ code }) => code);

/** The executor that was created last fails to bind, and leaves. */
function fail(message = "no such package"): void {
  const id = newest();
  machine.ask("executor.register", { id, shim: "Host" });
  machine.ask("executor.bindCompleted", { id, outcome: { returnCode: 10, message } });
  machine.ask("executor.unbind", { id });
  machine.ask("executor.unbindCompleted", { id });
  machine.ask("executor.unregister", { id });
}
function newest(): string {
  const id = [...machine.state.executors.all()].at(-1)?.record.id;
  if (id === undefined) throw new Error("there is no executor");
  return id;
}
/** Milliseconds until the session is given an executor again. */
function pauseUntilNext(): number {
  const from = machine.now;
  while (machine.executors.length === 0 && machine.now - from < 100_000) machine.pass(500);
  return machine.now - from;
}

describe("a bind that fails", () => {
  it("is an event of the session: executor, node, return code and reason", () => {
    fail("wheel is broken");
    expect(codes()).toEqual([1001]);
    expect(events()[0]?.message).toBe(
      "failed to bind session: executor e1 on node n1, return_code 10: wheel is broken",
    );
  });

  it("has a text even when the node gives no reason", () => {
    const id = newest();
    machine.ask("executor.register", { id, shim: "Host" });
    machine.ask("executor.bindCompleted", { id, outcome: { returnCode: 12 } });
    expect(events()[0]?.message).toContain("return_code 12: no detail was given");
  });

  it("takes the session from the executor at once", () => {
    const id = newest();
    machine.ask("executor.register", { id, shim: "Host" });
    machine.ask("executor.bindCompleted", { id, outcome: { returnCode: 10 } });
    expect(machine.executors).toEqual([`${id} Unbinding -`]);
    expect(machine.tables.task("s", 1)?.state).toBe("Pending");
  });

  it("pauses the session 1, 2, 4, 8, 16 and then 30 s, forever", () => {
    const pauses: number[] = [];
    for (let failure = 0; failure < 8; failure++) {
      fail();
      expect(machine.executors).toEqual([]);
      pauses.push(pauseUntilNext());
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("is said to be too much once, at the limit", () => {
    begin({ bindRetryLimit: 3 });
    for (let failure = 0; failure < 6; failure++) {
      fail();
      pauseUntilNext();
    }
    expect(codes()).toEqual([1001, 1001, 1001, 1002, 1001, 1001, 1001]);
    expect(events()[3]?.message).toContain("bind retry limit reached (3/3)");
  });

  it("leaves the session one probe at a time", () => {
    fail();
    for (let more = 0; more < 4; more++) machine.task("s");
    machine.pass(1_000);
    expect(machine.executors).toHaveLength(1);
    machine.ask("executor.register", { id: newest(), shim: "Host" });
    expect(machine.executors).toHaveLength(1);
  });

  it("does not stand in the way of other sessions", () => {
    fail();
    machine.open("other");
    machine.task("other");
    machine.walk(newest(), "Bound");
    expect(machine.executors).toEqual(["e2 Bound other"]);
  });

  it("a success ends all this: as many executors as before, and the next pause is 1 s again", () => {
    fail();
    for (let more = 0; more < 3; more++) machine.task("s");
    machine.pass(1_000);
    machine.walk(newest(), "Bound");
    expect(machine.executors).toHaveLength(4);
    expect(machine.state.sessions.get("s").bind).toEqual({ failures: 0, notBefore: 0 });
    machine.ask("executor.register", { id: newest(), shim: "Host" });
    machine.ask("executor.bindCompleted", { id: newest(), outcome: { returnCode: 10 } });
    expect(machine.state.sessions.get("s").bind.notBefore).toBe(machine.now + 1000);
  });

  it("a restart tries afresh", async () => {
    fail();
    pauseUntilNext();
    fail();
    await machine.restart();
    machine.node("n1");
    expect(machine.executors).toHaveLength(1);
    expect(codes()).toEqual([1001, 1001]);
  });

  it("with a limit of 0 sessions get no executors at all", () => {
    begin({ bindRetryLimit: 0 });
    expect(machine.executors).toEqual([]);
    expect(stream.pushes).toEqual([]);
  });

  it("keeps the newest 256 events", () => {
    for (let failure = 0; failure < 300; failure++) {
      fail(`failure ${failure}`);
      machine.pass(30_000);
    }
    expect(events()).toHaveLength(256);
    expect(events().at(-1)?.message).toContain("failure 299");
  });
});

describe("an application for a shim that no node offers", () => {
  it("waits, and one event says so", async () => {
    machine.register("wasm", { shim: "Wasm" });
    machine.open("w", { application: "wasm" });
    machine.walk(newest(), "Bound");
    machine.task("w");
    machine.task("w");
    const wasm = () => machine.ask("session.get", { id: "w" });
    expect(wasm().counts.pending).toBe(2);
    expect(wasm().record.events.map(({ code }) => code)).toEqual([1003]);
    expect(wasm().record.events[0]?.message).toContain("no node offers the shim Wasm");
    await machine.restart();
    machine.node("n1", undefined, ["e1"]);
    machine.task("w");
    expect(wasm().record.events).toHaveLength(1);
    expect(machine.executors).toEqual(["e1 Bound s"]);
  });

  it("gets an executor as soon as a node offers it", () => {
    machine.walk(newest(), "Bound");
    machine.register("wasm", { shim: "Wasm" });
    machine.open("w", { application: "wasm" });
    machine.task("w");
    machine.node("n2");
    machine.ask("executor.register", { id: newest(), shim: "Wasm" });
    expect(machine.executors).toContain("e2 Binding w");
  });

  it("an executor that turns out to be of another shim is released", () => {
    begin();
    machine.ask("session.close", { id: "s" });
    machine.ask("executor.unregister", { id: newest() });
    machine.register("wasm", { shim: "Wasm" });
    machine.open("w", { application: "wasm" });
    machine.task("w");
    machine.ask("executor.register", { id: newest(), shim: "Host" });
    expect(machine.executors).toEqual(["e2 Releasing -"]);
    expect(machine.ask("session.get", { id: "w" }).record.events[0]?.code).toBe(1003);
  });
});
