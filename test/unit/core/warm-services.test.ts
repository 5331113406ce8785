import { beforeEach, describe, expect, it } from "@jest/globals";
import { internalCaller } from "../../../src/model/caller.ts";
import { gib, Machine } from "./machine.ts";
import { WorkNode } from "./work-node.ts";

let machine: Machine;

beforeEach(() => {
  machine = new Machine();
  machine.register("app");
  machine.register("hot", { warm_instances: 2 });
});

/** A node that keeps up to `places` services started. */
function keeper(name: string, places: number): WorkNode {
  machine.node(name, { cpu: 4, memory: 8 * gib, gpu: 0 }, [], { works: true });
  return new WorkNode(machine, name, undefined, places);
}

/** Replaces the manifest, whatever sessions are open. */
function apply(name: string, spec: { command?: string; warm_instances?: number }): void {
  const full = machine.state.applications.get(name).spec;
  machine.ask("application.apply", {
    applications: [
      { name, manifest: spec, spec: { ...full, ...spec }, origin: "api", author: "test" },
    ],
    options: {},
  });
}

describe("a node that keeps warm services", () => {
  it("is told which ones when its work stream opens, also when there are none", () => {
    expect(keeper("n1", 4).heard()).toEqual(["warm 2 hot@1"]);
    apply("hot", { warm_instances: 0 });
    expect(keeper("n2", 4).heard()).toEqual(["warm"]);
  });

  it("is told nothing when it keeps none, or has no work stream", () => {
    expect(keeper("n1", 0).heard()).toEqual([]);
    const watch = machine.node("n2");
    expect(watch.pushes).toEqual([]);
  });

  it("is told anew when an application that asks is registered, edited or removed, and else not", () => {
    const node = keeper("n1", 8);
    node.heard();
    machine.register("cold");
    apply("app", { command: "/bin/other" });
    machine.open("s", { application: "hot" });
    expect(node.heard()).toEqual([]);

    machine.register("also", { warm_instances: 1 });
    expect(node.heard()).toEqual(["warm 1 also@1 2 hot@1"]);
    apply("hot", { command: "/bin/other", warm_instances: 2 });
    expect(node.heard()).toEqual(["warm 1 also@1 2 hot@2"]);
    apply("hot", { warm_instances: 0 });
    expect(node.heard()).toEqual(["warm 1 also@1"]);
    machine.ask("application.unregister", { name: "also", author: "alice" });
    expect(node.heard()).toEqual(["warm"]);
  });

  it("keeps none of an application that is disabled", () => {
    const node = keeper("n1", 4);
    node.heard();
    machine.open("s", { application: "hot" });
    expect(
      machine.ask("application.remove", { name: "hot", author: "alice", whenUnused: true }),
    ).toBe("disabled");
    expect(node.heard()).toEqual(["warm"]);
  });

  it("is told as many as it keeps, and on a new stream all of it again", () => {
    const node = keeper("n1", 1);
    expect(node.heard()).toEqual(["warm 1 hot@1"]);
    node.reopen();
    expect(node.heard()).toEqual(["warm 1 hot@1"]);
  });

  it("is told when it becomes too small for an instance, or large enough", () => {
    machine.node("n1", { cpu: 4, memory: gib / 2, gpu: 0 }, [], { works: true });
    const watch = machine.begin("node.watch", {
      report: { name: "n1" },
      caller: { instance: "n1-1" },
    });
    const node = new WorkNode(machine, "n1", undefined, 4);
    expect(node.heard()).toEqual(["warm"]);
    const allocatable = { cpu: 4, memory: 4 * gib, gpu: 0 };
    machine.ask("node.beat", { stream: watch.token, report: { name: "n1", allocatable } });
    expect(node.heard()).toEqual(["warm 2 hot@1"]);
  });

  it("is told the same by a session manager that was started anew", async () => {
    keeper("n1", 4);
    await machine.restart();
    expect(keeper("n1", 4).heard()).toEqual(["warm 2 hot@1"]);
  });

  it("takes no room: a node keeps warm services beside all the executors that fit", () => {
    keeper("n1", 4);
    machine.ask("session.create", {
      id: "s",
      request: { application: "hot", minInstances: 4, priority: 0 },
      caller: internalCaller,
    });
    expect(machine.executors).toHaveLength(4);
  });
});
