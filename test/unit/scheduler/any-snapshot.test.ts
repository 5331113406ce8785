import { describe, expect, it } from "@jest/globals";
import { addResources, fits, noResources, sameResources } from "../../../src/model/resources.ts";
import type { PolicyName } from "../../../src/model/scheduling-policy.ts";
import type {
  ExecutorSupply,
  Schedule,
  SessionDemand,
  Snapshot,
} from "../../../src/scheduler/ports.ts";
import { schedule } from "../../../src/scheduler/schedule.ts";
import { executor, gib, node, session } from "./world.ts";

const sizes = [
  { cpu: 1, memory: gib, gpu: 0 },
  { cpu: 2, memory: 2 * gib, gpu: 0 },
  { cpu: 1, memory: gib, gpu: 1 },
  { cpu: 99, memory: gib, gpu: 0 },
] as const;
const uses = ["held", "held", "held", "idle", "arriving", "leaving"] as const;
const applicationMax = (name: string): number => (name === "capped" ? 3 : 1_000);
const ownerMax = (): number => 4;
const executorsPerNodeMax = 6;

/** Some nodes, filled with executors as far as they fit, and sessions that hold some of them. */
function anySnapshot(seed: number): Snapshot {
  let state = seed;
  const random = (below: number): number => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state % below;
  };
  const nodes = Array.from({ length: 1 + random(3) }, (_, index) =>
    node(`n${index}`, 2 + random(7), {
      allocatable: { cpu: 2 + random(7), memory: (2 + random(8)) * gib, gpu: random(3) },
      ...(random(4) === 0 && { shim: "Host" as const }),
      // Of the seed alone, so that the rest of it is what it was before.
      isOfThisMake: (seed + index) % 3 !== 0,
    }),
  );
  const executors: ExecutorSupply[] = [];
  for (const { name, allocatable, isOfThisMake } of nodes) {
    let used = noResources;
    for (let tries = random(7); tries > 0; tries--) {
      const resreq = sizes[random(3)] ?? sizes[0];
      if (!fits(addResources(used, resreq), allocatable)) continue;
      used = addResources(used, resreq);
      const use = uses[random(uses.length)] ?? "idle";
      executors.push(executor(`e${executors.length}`, { node: name, resreq, use, isOfThisMake }));
    }
  }
  const free = new Set(executors.filter(({ use }) => use === "held"));
  const sessions = Array.from({ length: random(6) }, (_, index): SessionDemand => {
    const resreq = sizes[random(sizes.length)] ?? sizes[0];
    const mine = [...free].filter((one) => sameResources(one.resreq, resreq) && random(2) === 0);
    for (const one of mine) free.delete(one);
    const ids = mine.map(({ id }) => id);
    const waits = random(2) === 0;
    return session(`s${index}`, {
      application: random(3) === 0 ? "capped" : "app",
      ...((seed + index) % 3 === 0 && { owner: "alice" }),
      priority: random(3),
      creationTime: random(5),
      resreq,
      shim: random(8) === 0 ? "Wasm" : "Host",
      needsThisMake: (seed + index) % 2 === 0,
      minInstances: random(2),
      maxInstances: random(2) === 0 ? ids.length + random(3) : Number.POSITIVE_INFINITY,
      openTasks: waits ? random(ids.length + 1) : ids.length + random(6),
      held: ids.length,
      yielding: Math.min(ids.length, (seed + index) % 2),
      bindAllowance: random(5) === 0 ? random(2) : Number.POSITIVE_INFINITY,
      waiting: waits ? ids : [],
      busy: waits ? [] : ids,
    });
  });
  const applicationLeaving = (): number => seed % 2;
  const ownerLeaving = (): number => (seed >> 1) % 2;
  return {
    ...{ sessions, executors, nodes, executorsPerNodeMax },
    ...{ applicationMax, applicationLeaving, ownerMax, ownerLeaving },
  };
}

const plain = ({ sessions, executors, nodes }: Snapshot): Partial<Snapshot> => ({
  sessions,
  executors,
  nodes,
});

/** Everything that no decision may break. */
function expectSound(snapshot: Snapshot, { decisions, recalls, unserved, short }: Schedule): void {
  const byId = new Map(snapshot.executors.map((one) => [one.id, one]));
  const sessions = new Map(snapshot.sessions.map((one) => [one.id, one]));
  const given = new Map<string, number>();
  const used = new Set<string>();
  const taken = new Map<string, { room: typeof noResources; count: number }>();
  for (const { node: name, resreq } of snapshot.executors) {
    const { room, count } = taken.get(name) ?? { room: noResources, count: 0 };
    taken.set(name, { room: addResources(room, resreq), count: count + 1 });
  }
  for (const decision of decisions) {
    if ("executorId" in decision) {
      expect(used).not.toContain(decision.executorId);
      used.add(decision.executorId);
    }
    if (decision.kind === "release") expect(byId.get(decision.executorId)?.use).toBe("idle");
    if (decision.kind === "reclaim") {
      const holder = [...sessions.values()].find((one) =>
        one.waiting.includes(decision.executorId),
      );
      expect(holder).toBeDefined();
    }
    if (decision.kind !== "bind" && decision.kind !== "create") continue;
    const receiver = sessions.get(decision.sessionId)!;
    given.set(receiver.id, (given.get(receiver.id) ?? 0) + 1);
    if (decision.kind === "bind") {
      const bound = byId.get(decision.executorId)!;
      expect(bound.use).toBe("idle");
      expect([bound.resreq, bound.shim]).toEqual([receiver.resreq, receiver.shim]);
      expect(bound.isOfThisMake || !receiver.needsThisMake).toBe(true);
    } else {
      const before = taken.get(decision.node) ?? { room: noResources, count: 0 };
      const now = { room: addResources(before.room, receiver.resreq), count: before.count + 1 };
      taken.set(decision.node, now);
      const { allocatable, shim, isOfThisMake } = snapshot.nodes.find(
        ({ name }) => name === decision.node,
      )!;
      expect(fits(now.room, allocatable)).toBe(true);
      expect(now.count).toBeLessThanOrEqual(executorsPerNodeMax);
      expect([undefined, receiver.shim]).toContain(shim);
      expect(isOfThisMake || !receiver.needsThisMake).toBe(true);
    }
  }
  for (const [id, count] of given) {
    const { held, maxInstances, minInstances, openTasks, bindAllowance } = sessions.get(id)!;
    expect(held + count).toBeLessThanOrEqual(Math.max(minInstances, openTasks));
    expect(held + count).toBeLessThanOrEqual(maxInstances);
    expect(count).toBeLessThanOrEqual(bindAllowance);
  }
  const capped = snapshot.sessions.filter(({ application }) => application === "capped");
  const before = capped.reduce((sum, { held }) => sum + held, 0);
  const after = capped.reduce((sum, { id, held }) => sum + held + (given.get(id) ?? 0), 0);
  expect(after).toBeLessThanOrEqual(Math.max(before, applicationMax("capped")));
  const owned = snapshot.sessions.filter(({ owner }) => owner !== undefined);
  const counted = owned.reduce((sum, { held, yielding }) => sum + held - yielding, 0);
  const more = owned.reduce((sum, { id }) => sum + (given.get(id) ?? 0), 0);
  expect(counted + more).toBeLessThanOrEqual(Math.max(counted, ownerMax()));
  // Nothing stays idle: what no session was given is released.
  for (const { id, use } of snapshot.executors) if (use === "idle") expect(used).toContain(id);
  for (const one of snapshot.sessions) {
    const away =
      one.waiting.filter((id) => used.has(id)).length +
      recalls.filter(({ sessionId }) => sessionId === one.id).length;
    if (away > 0) expect(one.held - away).toBeGreaterThanOrEqual(one.minInstances);
  }
  for (const id of short) expect(unserved).toContain(id);
}

describe.each<readonly [string, readonly PolicyName[]]>([
  ["priority", ["priority"]],
  ["drf", ["drf"]],
  ["priority and drf", ["priority", "drf"]],
])("policy %s, for any state of the cluster", (_name, policies) => {
  it("breaks no limit, uses nothing twice, leaves nothing idle, takes nothing that is kept warm", () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const snapshot = anySnapshot(seed);
      expectSound(snapshot, schedule(snapshot, policies));
    }
  });

  it("decides the same for the same snapshot, and changes nothing of it", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const snapshot = anySnapshot(seed);
      const before = structuredClone(plain(snapshot));
      const first = schedule(snapshot, policies);
      expect(schedule(snapshot, policies)).toEqual(first);
      expect(plain(snapshot)).toEqual(before);
    }
  });
});
