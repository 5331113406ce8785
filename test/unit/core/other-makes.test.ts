import { expect, it } from "@jest/globals";
import { longWaitMs } from "../../../src/core/long-waits.ts";
import { frameMark } from "../../../src/model/frame.ts";
import { gib, Machine } from "./machine.ts";

const commonData = Buffer.concat([frameMark, Buffer.from("and more")]);
const room = { cpu: 1, memory: 8 * gib, gpu: 0 };
const isReplacedElsewhere = ({ command }: { readonly command?: string }): boolean =>
  command === "shipped";

function machineWith(...nodes: readonly (readonly [name: string, version: string])[]): Machine {
  const machine = new Machine({ isReplacedElsewhere, nodeSilenceMs: 10_000_000 });
  machine.register("flmrun", { command: "shipped" });
  machine.register("own", { command: "somebody's" });
  for (const [name, version] of nodes) machine.node(name, room, [], { version });
  return machine;
}

const nodesOf = (machine: Machine): string[] =>
  [...machine.state.executors.all()].map(({ record }) => record.node);

it("a session whose common data only services of this make read comes to nodes of this make, also after a restart", async () => {
  const machine = machineWith(["other", ""]);
  machine.open("framed", { application: "flmrun", commonData });
  machine.task("framed");
  expect(nodesOf(machine)).toEqual([]);
  await machine.restart();
  machine.node("other", room);
  expect(nodesOf(machine)).toEqual([]);
  machine.node("ours", room, [], { version: "0.7.0" });
  expect(nodesOf(machine)).toEqual(["ours"]);
});

it("one of a published client, and one whose program is somebody's own, come to any node", () => {
  const machine = machineWith(["other", ""], ["another", ""]);
  machine.open("published", { application: "flmrun", commonData: Buffer.from("a reference") });
  machine.task("published");
  machine.open("own", { application: "own", commonData });
  machine.task("own");
  expect(nodesOf(machine)).toEqual(["other", "another"]);
});

it("an executor that another session left on a node of another make is not for it", () => {
  const machine = machineWith(["other", ""], ["ours", "0.7.0"]);
  machine.open("first", { application: "own" });
  machine.task("first");
  machine.walk("e1", "Idle");
  expect(nodesOf(machine)).toEqual(["other"]);
  machine.ask("session.close", { id: "first" });
  machine.open("framed", { application: "flmrun", commonData });
  machine.task("framed");
  const framed = [...machine.state.executors.all()].filter(
    ({ record: { id, sessionId } }) => sessionId === "framed" || id !== "e1",
  );
  expect(framed.map(({ record }) => record.node)).toEqual(["ours"]);
});

it("while there are no nodes of this make its events say what is missing, and what to do", () => {
  const machine = machineWith(["other", ""]);
  machine.open("framed", { application: "flmrun", commonData });
  machine.task("framed");
  machine.pass(longWaitMs);
  const [event] = machine.ask("session.get", { id: "framed" }).record.events;
  expect(event).toMatchObject({ code: 1004 });
  expect(event?.message).toContain(
    "the Ready nodes are of another make, whose services do not read what it was opened with: other; start",
  );
});

it.each([
  ["of its own", "own", { packages: ["six"] }],
  ["of its application", "listed", {}],
])(
  "a session with packages %s waits for a node of this make, told why, also after a restart",
  async (_, application, more) => {
    const machine = machineWith(["other", ""]);
    machine.register("listed", { command: "somebody's", packages: ["six"] });
    machine.open("s", { application, ...more });
    machine.task("s");
    machine.pass(longWaitMs);
    expect(nodesOf(machine)).toEqual([]);
    const [event] = machine.ask("session.get", { id: "s" }).record.events;
    expect(event?.message).toContain(
      "the Ready nodes are of another make, which do not install its packages: other; start",
    );
    await machine.restart();
    machine.node("other", room);
    expect(nodesOf(machine)).toEqual([]);
    machine.node("ours", room, [], { version: "0.7.0" });
    expect(nodesOf(machine)).toEqual(["ours"]);
  },
);
