import { beforeEach, describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import { eventCodes } from "../../../src/model/event.ts";
import { Machine, requestOf } from "./machine.ts";

const minute = 60_000;
const hour = 60 * minute;
let machine: Machine;

beforeEach(() => {
  machine = new Machine({ absentClientMs: 10 * minute, idleSessionMs: 24 * hour });
  machine.register("app");
});

const create = (id: string, client?: string): void => {
  machine.ask("session.create", {
    id,
    request: requestOf(),
    caller: internalCaller,
    ...(client !== undefined && { client }),
  });
};
const open = (id: string, client?: string): void => {
  machine.ask("session.open", {
    id,
    caller: internalCaller,
    ...(client !== undefined && { client }),
  });
};
const beat = (client: string): void => {
  machine.ask("client.beat", { client });
};
const stateOf = (id: string): string => machine.ask("session.get", { id }).record.state;
/** Lets so many minutes pass in which the client beats. */
function passBeating(minutes: number, client: string): void {
  for (let minutesGone = 0; minutesGone < minutes; minutesGone += 2) {
    machine.pass(2 * minute);
    beat(client);
  }
}

describe("a session that ends with its client", () => {
  it("is closed when the client was silent for 10 minutes, and says so to whoever comes back", () => {
    create("s", "c1");
    machine.pass(10 * minute - 1);
    expect(stateOf("s")).toBe("Open");
    machine.pass(1);
    const { record } = machine.ask("session.get", { id: "s" });
    expect(record).toMatchObject({ state: "Closed", completionTime: machine.now });
    expect(record.events.at(-1)).toMatchObject({
      code: eventCodes.sessionUnused,
      message: expect.stringContaining("its client was not heard of for 600 s"),
    });
    expect(machine.refusal("task.create", { sessionId: "s" }).message).toContain(
      "its client was not heard of for 600 s",
    );
    expect(machine.refusal("session.open", { id: "s", caller: internalCaller }).message).toContain(
      "an id of its own, or keep",
    );
    expect(machine.state.clients.size).toBe(0);
  });

  it("stays open while the client beats, until it had no task for a day", () => {
    create("s", "c1");
    passBeating(23 * 60, "c1");
    expect(stateOf("s")).toBe("Open");
    passBeating(62, "c1");
    expect(machine.ask("session.get", { id: "s" }).record).toMatchObject({
      state: "Closed",
      events: [{ message: expect.stringContaining("it had no task for 86400 s") }],
    });
  });

  it("is never closed while a task is Pending or Running, however long its client is gone", () => {
    create("s", "c1");
    machine.task("s");
    machine.pass(48 * hour);
    expect(stateOf("s")).toBe("Open");
    machine.node("n1");
    machine.walk("e1", "Bound");
    machine.begin("executor.launch", { id: "e1" });
    machine.pass(10 * minute);
    expect(machine.ask("session.get", { id: "s" })).toMatchObject({
      record: { state: "Open" },
    });
  });

  it("is closed 10 minutes after its last task has ended when its client is gone", () => {
    create("s", "c1");
    machine.node("n1");
    machine.task("s");
    machine.walk("e1", "Bound");
    machine.begin("executor.launch", { id: "e1" });
    machine.pass(10_000);
    machine.ask("executor.complete", { id: "e1", outcome: { returnCode: 0 } });
    machine.pass(10 * minute - 1);
    expect(stateOf("s")).toBe("Open");
    machine.pass(1);
    expect(stateOf("s")).toBe("Closed");
  });

  it("ends with the last of the clients that opened it", () => {
    create("s", "c1");
    machine.pass(5 * minute);
    open("s", "c2");
    passBeating(30, "c2");
    expect(stateOf("s")).toBe("Open");
    machine.pass(10 * minute);
    expect(stateOf("s")).toBe("Closed");
  });

  it("stays for good once a client opens it that does not say who it is, or that wants it kept", async () => {
    create("s", "c1");
    open("s");
    machine.pass(100 * hour);
    await machine.restart();
    machine.pass(100 * hour);
    expect(stateOf("s")).toBe("Open");
  });

  it("stays for good once 17 clients have opened it", () => {
    create("s", "c0");
    for (let number = 1; number <= 16; number++) open("s", `c${number}`);
    machine.pass(100 * hour);
    expect(stateOf("s")).toBe("Open");
    expect(machine.state.clients.size).toBe(0);
  });

  it("gets its full time after a restart: nobody could be heard meanwhile", async () => {
    create("s", "c1");
    machine.pass(9 * minute);
    await machine.restart();
    machine.pass(10 * minute - 1);
    expect(stateOf("s")).toBe("Open");
    machine.pass(1);
    expect(stateOf("s")).toBe("Closed");
  });

  it("that was closed leaves a later session of the same id alone", () => {
    create("s", "c1");
    machine.ask("session.close", { id: "s" });
    machine.ask("session.delete", { id: "s" });
    create("s");
    machine.pass(100 * hour);
    expect(stateOf("s")).toBe("Open");
  });
});

describe("a session that its client keeps", () => {
  it("stays open without a client and without a task", () => {
    create("s");
    machine.pass(100 * hour);
    expect(stateOf("s")).toBe("Open");
    open("s", "c1");
    machine.pass(100 * hour);
    expect(stateOf("s")).toBe("Open");
  });
});

it("a beat of a client without sessions is answered and not remembered", () => {
  beat("nobody");
  expect(machine.state.clients.size).toBe(0);
});

it("each limit works without the other", () => {
  machine = new Machine({ absentClientMs: 10 * minute });
  machine.register("app");
  create("s", "c1");
  passBeating(200 * 60, "c1");
  expect(stateOf("s")).toBe("Open");
  machine = new Machine({ idleSessionMs: hour });
  machine.register("app");
  create("s", "c1");
  machine.pass(hour - 1);
  expect(stateOf("s")).toBe("Open");
  machine.pass(1);
  expect(stateOf("s")).toBe("Closed");
});
