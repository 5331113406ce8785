import { beforeEach, describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import { Machine, requestOf } from "./machine.ts";

const hour = 3_600_000;
let machine: Machine;

beforeEach(() => {
  machine = new Machine({ closedSessionRetentionMs: hour });
  machine.register("app");
});

const create = (id: string): void => {
  machine.ask("session.create", { id, request: requestOf(), caller: internalCaller });
};

describe("a closed session", () => {
  it("is deleted with its tasks when the retention has passed, and not before", () => {
    create("s");
    machine.ask("task.create", { sessionId: "s" });
    machine.ask("session.close", { id: "s" });
    machine.pass(hour - 1);
    expect(machine.ask("session.get", { id: "s" }).counts.cancelled).toBe(1);
    machine.pass(1);
    expect(machine.refusal("session.get", { id: "s" }).code).toBe("not_found");
    expect(machine.tables.task("s", 1)).toBeUndefined();
  });

  it("is deleted at its time also when the session manager was started anew meanwhile", async () => {
    create("s");
    machine.ask("session.close", { id: "s" });
    machine.pass(hour / 2);
    await machine.restart();
    machine.pass(hour / 2 - 1);
    expect(machine.ask("session.list", {})).toHaveLength(1);
    machine.pass(1);
    expect(machine.ask("session.list", {})).toHaveLength(0);
  });

  it("that was deleted early leaves a later session of the same id alone", () => {
    create("s");
    machine.ask("session.close", { id: "s" });
    machine.ask("session.delete", { id: "s" });
    create("s");
    machine.pass(2 * hour);
    expect(machine.ask("session.get", { id: "s" }).record.state).toBe("Open");
  });
});

it("an open session is kept however old it is", () => {
  create("s");
  machine.pass(100 * hour);
  expect(machine.ask("session.get", { id: "s" }).record.state).toBe("Open");
});
