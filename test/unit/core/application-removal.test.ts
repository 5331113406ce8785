import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import type { Change } from "../../../src/model/change.ts";
import { Machine } from "./machine.ts";

const hour = 3_600_000;
const many = 1_000;
/** Of one turn: some milliseconds for the disk. */
const deletionsMax = 100;
let machine: Machine;
let commits: Change[][];

beforeEach(() => {
  machine = new Machine({ closedSessionRetentionMs: hour });
  machine.register("app");
  machine.register("other");
  machine.open("kept", { application: "other" });
  machine.ask("session.close", { id: "kept" });
  for (let index = 0; index < many; index++) close(`s${index}`);
  commits = [];
  const { store } = machine;
  const commit = store.commit.bind(store);
  jest.spyOn(store, "commit").mockImplementation((changes) => {
    commits.push([...changes]);
    return commit(changes);
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

function close(id: string): void {
  machine.open(id);
  machine.ask("session.close", { id });
}
const remove = (): unknown =>
  machine.ask("application.unregister", { name: "app", author: "alice" });
const listed = (): string[] => machine.ask("session.list", {}).map(({ record }) => record.id);
const deletions = (changes: readonly Change[]): number =>
  changes.filter(({ kind }) => kind === "session.delete").length;
const stored = async (): Promise<string[]> =>
  (await machine.store.load()).sessions.map(({ record }) => record.id);

describe("the closed sessions of a removed application, when they are many", () => {
  it("are gone for everybody at once, and from the store turn by turn", async () => {
    remove();
    expect(listed()).toEqual(["kept"]);
    for (const kind of ["session.get", "session.delete", "session.close"] as const)
      expect(machine.refusal(kind, { id: "s999" }).code).toBe("not_found");
    expect((await stored()).length).toBeGreaterThan(many - 3 * deletionsMax);
    machine.pass(1_000);
    expect(await stored()).toEqual(["kept"]);
    const each = commits.map(deletions);
    expect(Math.max(...each)).toBe(deletionsMax);
    expect(each.reduce((sum, count) => sum + count, 0)).toBe(many);
    expect(machine.state.sessions.closedCount).toBe(1);
  });

  it("do not come back with a session manager that ended meanwhile", async () => {
    remove();
    await machine.restart();
    expect(listed()).toEqual(["kept"]);
    machine.pass(1_000);
    expect(await stored()).toEqual(["kept"]);
  });

  it.each([
    ["registered", () => machine.register("app")],
    [
      "seeded",
      () => {
        const { manifest, spec } = machine.state.applications.get("other");
        machine.ask("application.seed", {
          defaults: [{ name: "app", manifest, spec, author: "flame" }],
        });
      },
    ],
  ])("are none of a new application of that name: %s", async (_how, register) => {
    remove();
    register();
    expect((await stored()).filter((id) => id !== "kept")).toEqual([]);
    close("mine");
    await machine.restart();
    machine.pass(1_000);
    expect(listed().sort()).toEqual(["kept", "mine"]);
  });

  it("leave a new session of an old id alone", async () => {
    remove();
    machine.open("s999", { application: "other" });
    machine.pass(1_000);
    expect(machine.ask("session.get", { id: "s999" }).record.application).toBe("other");
    await machine.restart();
    expect(listed().sort()).toEqual(["kept", "s999"]);
    // What was to be deleted when the retention of the old one had passed.
    machine.pass(2 * hour);
    expect(listed()).toEqual(["s999"]);
  });

  it("are not served any more by executors on their way out", () => {
    machine.register("app-2");
    machine.node("n1");
    machine.open("busy", { application: "app-2", minInstances: 1 });
    machine.walk("e1", "Bound");
    machine.ask("session.close", { id: "busy" });
    for (let index = 0; index < many; index++) {
      machine.open(`t${index}`, { application: "app-2" });
      machine.ask("session.close", { id: `t${index}` });
    }
    expect(machine.executor("e1")?.sessionId).toBe("busy");
    machine.ask("application.unregister", { name: "app-2", author: "alice" });
    expect(machine.executor("e1")?.sessionId).toBeUndefined();
  });
});

it("few closed sessions go in the turn that removes their application", async () => {
  machine.register("few");
  machine.open("one", { application: "few" });
  machine.ask("session.close", { id: "one" });
  machine.ask("application.unregister", { name: "few", author: "alice" });
  expect(await stored()).not.toContain("one");
});
