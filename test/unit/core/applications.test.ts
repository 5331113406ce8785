import { beforeEach, describe, expect, it } from "@jest/globals";
import type { ApplicationEvent } from "../../../src/core/application-event.ts";
import { specOf } from "../../../src/manifest/application-schema.ts";
import { Machine } from "./machine.ts";

let machine: Machine;
beforeEach(() => {
  machine = new Machine();
});

function apply(name: string, command: string): void {
  const manifest = { command };
  machine.ask("application.apply", {
    applications: [{ name, manifest, spec: specOf(manifest), origin: "api", author: "alice" }],
    options: {},
  });
}
const commandOf = (sessionId: string): string | undefined =>
  machine.state.applicationOf(machine.state.sessions.get(sessionId).record)?.spec.command;
const request = { application: "app" };

describe("an application that changes while sessions are open", () => {
  it("stays for them as it was, and is new for the next ones, also after a restart", async () => {
    apply("app", "old");
    machine.open("s1", request);
    apply("app", "new");
    machine.open("s2", request);
    expect([commandOf("s1"), commandOf("s2")]).toEqual(["old", "new"]);
    await machine.restart();
    expect([commandOf("s1"), commandOf("s2")]).toEqual(["old", "new"]);
    expect(machine.ask("application.ofSession", { sessionId: "s1" })).toEqual({
      name: "app",
      revision: 1,
    });
  });

  it("lets go of a revision when the last session with it is closed", () => {
    apply("app", "old");
    machine.open("s1", request);
    machine.open("s2", request);
    apply("app", "new");
    machine.ask("session.close", { id: "s1" });
    expect(commandOf("s2")).toBe("old");
    machine.ask("session.close", { id: "s2" });
    expect(machine.state.pinned.size).toBe(0);
  });

  it("has as many instances at once as it allows now, also when it allowed fewer before", () => {
    const allow = (max_instances: number): void => {
      const manifest = { command: "run", max_instances };
      machine.ask("application.apply", {
        applications: [
          { name: "app", manifest, spec: specOf(manifest), origin: "api", author: "alice" },
        ],
        options: {},
      });
    };
    allow(1);
    machine.node("n1");
    machine.open("s1", request);
    for (let count = 0; count < 3; count++) machine.task("s1");
    expect(machine.executors).toEqual(["e1 Void -"]);
    allow(2);
    expect(machine.executors).toEqual(["e1 Void -", "e2 Void -"]);
  });

  it("keeps no revision that no open session has", () => {
    for (const command of ["1", "2", "3"]) apply("app", command);
    expect(machine.state.pinned.size).toBe(0);
  });

  it("changes nothing in a dry run", () => {
    apply("app", "old");
    const manifest = { command: "new" };
    const changes = machine.turn([]);
    const call = machine.begin("application.apply", {
      applications: [
        { name: "app", manifest, spec: specOf(manifest), origin: "api", author: "alice" },
      ],
      options: { dryRun: true },
    });
    expect(call.reply).toMatchObject([{ action: "configured", record: { revision: 2 } }]);
    expect(changes).toEqual([]);
    expect(machine.ask("application.get", { name: "app" })).toMatchObject({ revision: 1 });
  });
});

describe("an application that is removed while sessions are open", () => {
  beforeEach(() => {
    apply("app", "x");
    machine.open("s1", request);
    machine.open("s2", request);
    const outcome = machine.ask("application.remove", {
      name: "app",
      author: "alice",
      whenUnused: true,
    });
    expect(outcome).toBe("disabled");
  });

  it("takes no new ones and goes when the last is closed", () => {
    expect(() => machine.open("s3", request)).toThrow("app is disabled: it takes no new sessions");
    machine.ask("session.close", { id: "s1" });
    expect(machine.ask("application.get", { name: "app" }).state).toBe("Disabled");
    expect(machine.ask("session.close", { id: "s2" })).toMatchObject({
      record: { state: "Closed" },
    });
    expect(machine.refusal("application.get", { name: "app" }).code).toBe("not_found");
    expect(machine.refusal("session.get", { id: "s1" }).code).toBe("not_found");
  });

  it("tells who asked for it, though somebody else closed the last session, after a restart too", async () => {
    machine.ask("session.close", { id: "s1" });
    await machine.restart();
    machine.ask("session.close", { id: "s2" });
    const kept = await machine.store.readRemovals("app");
    expect(kept).toEqual([{ time: machine.now, author: "alice", revision: 1 }]);
  });

  it("is wanted again by whoever applies it", () => {
    apply("app", "y");
    expect(machine.ask("application.get", { name: "app" })).not.toHaveProperty("removedBy");
  });

  it("does so after a restart too", async () => {
    await machine.restart();
    machine.ask("session.close", { id: "s1" });
    machine.ask("session.close", { id: "s2" });
    await machine.restart();
    expect(machine.ask("application.list", {})).toEqual([]);
  });
});

describe("a watch of applications", () => {
  const told = (pushes: readonly unknown[]): string[] =>
    (pushes as ApplicationEvent[]).map((event) =>
      event.kind === "present"
        ? `present ${event.records.map(({ name }) => name).join(",")}`
        : `${event.kind} ${event.record.name} ${event.record.revision}`,
    );

  it("tells what is there, then each change once", () => {
    apply("a", "1");
    const watch = machine.begin("application.watch", {});
    apply("b", "1");
    apply("a", "1");
    apply("a", "2");
    machine.ask("application.unregister", { name: "b", author: "alice" });
    expect(told(watch.pushes)).toEqual(["present a", "created b 1", "changed a 2", "removed b 1"]);
  });

  it("of one name tells of no other, and also of one that comes later", () => {
    const watch = machine.begin("application.watch", { name: "b" });
    apply("a", "1");
    apply("b", "1");
    expect(told(watch.pushes)).toEqual(["present ", "created b 1"]);
  });

  it("is forgotten when its caller goes away", () => {
    const watch = machine.begin("application.watch", {});
    machine.cancel(watch);
    apply("a", "1");
    expect(told(watch.pushes)).toEqual(["present "]);
    expect(machine.state.applicationWatches.size).toBe(0);
  });
});
