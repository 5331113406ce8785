import { expect, it } from "@jest/globals";
import type { NodeSupply, SessionDemand, Snapshot } from "../../../src/scheduler/ports.ts";
import { schedule } from "../../../src/scheduler/schedule.ts";
import { executor } from "./world.ts";

const resreq = { cpu: 1, memory: 1, gpu: 0 };
const nodeCount = 1_000;
let looks = 0;

/** A node that counts how often somebody looks at what it offers. */
function node(index: number): NodeSupply {
  return {
    name: `n${index}`,
    allocatable: { cpu: 4, memory: 4, gpu: 0 },
    isOfThisMake: true,
    get shim() {
      looks++;
      return "Host" as const;
    },
  };
}
const session = (id: string, openTasks: number): SessionDemand => ({
  id,
  application: "app",
  priority: 0,
  depth: 0,
  creationTime: 1,
  resreq,
  shim: "Host",
  needsThisMake: false,
  minInstances: 0,
  maxInstances: Number.POSITIVE_INFINITY,
  openTasks,
  held: 0,
  yielding: 0,
  bindAllowance: Number.POSITIVE_INFINITY,
  waiting: [],
  busy: [],
});
function snapshot(sessions: readonly SessionDemand[]): Snapshot {
  looks = 0;
  return {
    sessions,
    nodes: Array.from({ length: nodeCount }, (_, index) => node(index)),
    executors: [executor("e1", { node: "n7", resreq }), executor("e2", { node: "away", resreq })],
    applicationMax: () => Number.POSITIVE_INFINITY,
    applicationLeaving: () => 0,
    ownerMax: () => Number.POSITIVE_INFINITY,
    ownerLeaving: () => 0,
    executorsPerNodeMax: 128,
  };
}

it("while nobody needs an executor no node is looked at, and idle ones give their room back", () => {
  const nothing = snapshot([session("a", 0), { ...session("b", 3), held: 3 }]);
  const reads: string[] = [];
  const spied = nothing.nodes.map(
    (one) =>
      new Proxy(one, {
        get: (target, key: keyof NodeSupply) => {
          reads.push(key);
          return target[key];
        },
      }),
  );
  const { decisions, ...rest } = schedule({ ...nothing, nodes: spied });
  expect(decisions).toEqual([{ kind: "release", executorId: "e1" }]);
  expect(rest).toEqual({ recalls: [], unserved: new Set(), short: new Set() });
  expect(new Set(reads)).toEqual(new Set(["name"]));
});

it("nodes are looked through once for all sessions that ask for the same, not for each executor", () => {
  const { decisions } = schedule(snapshot([session("a", 1_000), session("b", 1_000)]));
  expect(decisions).toHaveLength(2_000);
  // What it offers is asked for twice: whether there is a shim, and which.
  expect(looks).toBeLessThanOrEqual(2 * nodeCount);
  const used = new Set(decisions.flatMap((one) => (one.kind === "create" ? [one.node] : [])));
  // The first nodes, each until it is full.
  expect(used.size).toBe(500);
  expect(used.has("n499")).toBe(true);
});
