import { beforeEach, describe, expect, it } from "@jest/globals";
import type { NodeCaller } from "../../../src/model/node.ts";
import { type Call, gib, Machine } from "./machine.ts";

const first: NodeCaller = { instance: "i1", address: "10.0.0.1:4711" };
const second: NodeCaller = { instance: "i2", address: "10.0.0.2:4712" };
const published: NodeCaller = { address: "10.0.0.3:4713" };
const room = { cpu: 4, memory: 8 * gib, gpu: 0 };
const report = { name: "n1", capacity: room, allocatable: room };

let machine: Machine;
let stream: Call<"node.watch">;

/** Registers in the name of n1, with the executors that it has, and watches. */
function join(caller: NodeCaller, executors: readonly string[] = []): Call<"node.watch"> {
  const reported = executors.map((id) => ({ id, state: "Bound", shim: "Host" as const }));
  machine.ask("node.register", { report, executors: reported, endsServices: true, caller });
  return machine.begin("node.watch", { report, caller });
}
const refusal = (caller: NodeCaller) =>
  machine.refusal("node.register", { report, executors: [], caller });
const node = () => machine.ask("node.get", { name: "n1" });
/** `s` has task 1, and e1 on n1 works on it. */
const working = () => ({
  executors: machine.executors,
  task: machine.tables.task("s", 1)?.state,
  open: !stream.ended,
  address: node().address,
});
const firstAtWork = {
  executors: ["e1 Bound s"],
  task: "Running",
  open: true,
  address: first.address,
};

beforeEach(() => {
  machine = new Machine();
  machine.register("app");
  stream = join(first);
  machine.open("s");
  machine.task("s");
  machine.walk("e1", "Bound");
  machine.ask("executor.launch", { id: "e1" });
});

describe("a second executor manager of a name", () => {
  it("is refused with both addresses and what to do, and changes nothing", () => {
    machine.pass(2_500);
    const error = refusal(second);
    expect(error.code).toBe("already_exists");
    expect(error.message).toMatch(
      /^node n1 is served by another executor manager, at 10\.0\.0\.1:4711, heard 2 s ago; this one calls from 10\.0\.0\.2:4712\./,
    );
    expect(error.message).toContain("--node-name");
    expect(error.message).toContain("silent for 15 s");
    expect(working()).toEqual(firstAtWork);
  });

  it("may neither watch, sync nor release in its place", () => {
    expect(machine.begin("node.watch", { report, caller: second })).toMatchObject({ ended: true });
    expect(machine.refusal("node.sync", { report, caller: second }).code).toBe("already_exists");
    machine.ask("node.release", { name: "n1", caller: second });
    expect(working()).toEqual(firstAtWork);
  });

  it("is refused as long as the first beats", () => {
    for (let beats = 0; beats < 20; beats++) {
      machine.pass(5_000);
      machine.beat(stream, "n1");
      expect(refusal(second).code).toBe("already_exists");
    }
    expect(working()).toEqual(firstAtWork);
  });

  it("is refused when the connection of the first breaks, which comes back and goes on", () => {
    machine.pass(4_000);
    machine.cancel(stream);
    expect(node().state).toBe("Unknown");
    machine.pass(10_999);
    expect(refusal(second).code).toBe("already_exists");
    stream = join(first, ["e1"]);
    expect(working()).toEqual(firstAtWork);
  });

  it.each([
    ["its stream is still open", () => undefined],
    ["its stream broke", () => machine.cancel(stream)],
  ])("takes the node when the first was silent for 15 s: %s", (_how, fail) => {
    fail();
    machine.pass(14_999);
    expect(refusal(second).code).toBe("already_exists");
    machine.pass(1);
    const taken = join(second);
    expect(node()).toMatchObject({ state: "Ready", ...second });
    expect(taken.ended).toBe(false);
    expect(machine.tables.task("s", 1)?.state).toBe("Pending");
    // The first one comes back: now it is the second.
    expect(refusal(first).message).toContain("at 10.0.0.2:4712");
    machine.ask("node.release", { name: "n1", caller: first });
    expect(node().state).toBe("Ready");
  });

  it("is refused while nobody looked at the clock: late heartbeats of the first may wait beside its call", () => {
    machine.now += 20_000;
    expect(refusal(second).code).toBe("already_exists");
  });

  it("takes the node at once when it follows the first, which has ended", () => {
    expect(refusal({ ...second, follows: ["i0", "i3"] }).code).toBe("already_exists");
    join({ ...second, follows: ["i0", "i1"] });
    expect(node()).toMatchObject({ state: "Ready", ...second });
    expect(machine.tables.task("s", 1)?.state).toBe("Pending");
  });

  it("takes the node at once when the first was released", () => {
    machine.ask("node.release", { name: "n1", caller: first });
    join(second);
    expect(node()).toMatchObject({ state: "Ready", ...second });
  });

  it("is refused after a restart of the session manager until the first had its time to come back", async () => {
    machine.pass(4_000);
    await machine.restart();
    expect(refusal(second).message).toContain("at 10.0.0.1:4711");
    machine.pass(14_999);
    expect(refusal(second).code).toBe("already_exists");
    stream = join(first, ["e1"]);
    expect(working()).toEqual(firstAtWork);
    await machine.restart();
    machine.pass(15_000);
    join(second);
    expect(node()).toMatchObject({ state: "Ready", ...second });
  });
});

describe("a published executor manager, which does not tell its instance", () => {
  it("takes the node from whoever has it, and loses it to the next", () => {
    const theirs = join(published);
    expect(stream.ended).toBe(true);
    expect(node()).not.toHaveProperty("instance");
    expect(node().address).toBe(published.address);
    const next = join({ address: "10.0.0.4:4714" });
    expect([theirs.ended, next.ended]).toEqual([true, false]);
    join(second);
    expect([next.ended, node().instance]).toEqual([true, "i2"]);
  });

  it("does not take the stream without registering", () => {
    expect(machine.begin("node.watch", { report, caller: published })).toMatchObject({
      ended: true,
    });
    expect(working()).toEqual(firstAtWork);
  });
});
