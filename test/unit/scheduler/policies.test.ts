import { describe, expect, it } from "@jest/globals";
import type { PolicyName } from "../../../src/model/scheduling-policy.ts";
import type { Recall, SessionDemand } from "../../../src/scheduler/ports.ts";
import {
  alone,
  decide,
  executor,
  gib,
  given,
  node,
  session,
  type Working,
  working,
} from "./world.ts";

const both: readonly PolicyName[] = ["priority", "drf"];
const everyPolicy: readonly (readonly PolicyName[])[] = [both, ["priority"], ["drf"]];

describe("policy priority", () => {
  it("serves the higher priority first, then the older session, each as far as it needs", () => {
    const sessions = [
      session("a", { openTasks: 2 }),
      session("b", { openTasks: 2 }),
      session("c", { openTasks: 1, priority: 1 }),
    ];
    expect(given(decide({ sessions }, ["priority"]).decisions)).toEqual({ c: 1, a: 2, b: 1 });
  });

  it("asks nobody to give an executor back that has tasks to do", () => {
    const greedy = working(alone("a"), 4);
    const sessions = [greedy.session, session("b", { priority: 9 })];
    const { recalls, decisions } = decide({ sessions, executors: greedy.executors }, ["priority"]);
    expect([recalls, decisions]).toEqual([[], []]);
  });
});

describe("policy drf", () => {
  it("shares a machine evenly between sessions of equal priority with long queues", () => {
    const sessions = [session("a"), session("b")];
    expect(given(decide({ sessions }, both).decisions)).toEqual({ a: 2, b: 2 });
  });

  it("measures a session by the resource of which it takes the largest part", () => {
    const nodes = [node("n1", 9, { allocatable: { cpu: 9, memory: 18 * gib, gpu: 0 } })];
    const sessions = [
      session("memory", { resreq: { cpu: 1, memory: 4 * gib, gpu: 0 } }),
      session("processor", { resreq: { cpu: 3, memory: gib, gpu: 0 } }),
    ];
    // The example of the paper that brought the policy up: both end with two thirds of what they mostly need.
    expect(given(decide({ sessions, nodes }, ["drf"]).decisions)).toEqual({
      memory: 3,
      processor: 2,
    });
  });

  it("counts GPUs too: who has one of two has half the cluster", () => {
    const nodes = [node("n1", 8, { allocatable: { cpu: 8, memory: 64 * gib, gpu: 2 } })];
    const sessions = [
      session("a", { resreq: { cpu: 1, memory: gib, gpu: 1 } }),
      session("b", { resreq: { cpu: 1, memory: gib, gpu: 0 } }),
      session("c", { resreq: { cpu: 1, memory: gib, gpu: 1 } }),
    ];
    expect(given(decide({ sessions, nodes }, ["drf"]).decisions)).toEqual({ a: 1, b: 6, c: 1 });
  });

  it("lets a session without competition have the whole cluster", () => {
    expect(given(decide({ sessions: [session("a")] }, ["drf"]).decisions)).toEqual({ a: 4 });
  });

  it("shares out places where sessions ask for no resources at all", () => {
    const resreq = { cpu: 0, memory: 0, gpu: 0 };
    const sessions = [session("a", { resreq }), session("b", { resreq })];
    const { decisions } = decide({ sessions, executorsPerNodeMax: 6 }, both);
    expect(given(decisions)).toEqual({ a: 3, b: 3 });
  });

  it("alone knows no priority", () => {
    const sessions = [session("a"), session("b", { priority: 9 })];
    expect(given(decide({ sessions }, ["drf"]).decisions)).toEqual({ a: 2, b: 2 });
  });
});

describe("both policies", () => {
  it("are the default", () => {
    const sessions = [session("a"), session("b"), session("c", { priority: 1, openTasks: 2 })];
    expect(given(decide({ sessions }).decisions)).toEqual({ c: 2, a: 1, b: 1 });
  });

  it.each([[["priority", "drf"] as const], [["drf", "priority"] as const]])(
    "let priority decide first, listed as %j",
    (policies) => {
      const sessions = [session("a"), session("b", { priority: 1 })];
      expect(given(decide({ sessions }, policies).decisions)).toEqual({ b: 4 });
    },
  );
});

describe("executors that work", () => {
  const recallsOf = (holder: Working, taker: SessionDemand, policies = both): readonly Recall[] =>
    decide({ sessions: [holder.session, taker], executors: holder.executors }, policies).recalls;

  it("are recalled from the session that has more than one that is short, until both have as much", () => {
    const recalls = recallsOf(working(alone("a"), 4), session("b"));
    expect(recalls).toEqual([
      { sessionId: "a", node: "n1" },
      { sessionId: "a", node: "n1" },
    ]);
  });

  it("stay where they are when the shares differ by one executor only", () => {
    const a = working(alone("a"), 3);
    const b = working(alone("b"), 2);
    const { recalls } = decide({
      sessions: [a.session, b.session],
      executors: [...a.executors, ...b.executors],
      nodes: [node("n1", 5)],
    });
    expect(recalls).toEqual([]);
  });

  it("stay when it is the last one of their session", () => {
    const holder = working(alone("a"), 1);
    const { recalls } = decide({
      sessions: [holder.session, session("b")],
      executors: holder.executors,
      nodes: [node("n1", 1)],
    });
    expect(recalls).toEqual([]);
  });

  it("are recalled no more than the short session needs", () => {
    expect(recallsOf(working(alone("a"), 4), session("b", { openTasks: 1 }))).toHaveLength(1);
  });

  it("stay as far as min_instances says", () => {
    expect(recallsOf(working(alone("a", { minInstances: 4 }), 4), session("b"))).toEqual([]);
    expect(recallsOf(working(alone("a", { minInstances: 3 }), 4), session("b"))).toHaveLength(1);
  });

  it("are never recalled from a higher priority; from a lower one as from an equal one", () => {
    const holder = working(alone("a", { priority: 1 }), 4);
    expect(recallsOf(holder, session("b"))).toEqual([]);
    expect(recallsOf(holder, session("b", { priority: 2 }))).toHaveLength(2);
    expect(recallsOf(holder, session("b"), ["drf"])).toHaveLength(2);
  });

  it("stay while there is room, or an executor that only waits", () => {
    const holder = working(alone("a"), 3);
    expect(recallsOf(holder, session("b", { openTasks: 1 }))).toEqual([]);
    const idle = session("c", { openTasks: 0, held: 1, waiting: ["c0"] });
    const { recalls, decisions } = decide({
      sessions: [holder.session, idle, session("b", { openTasks: 1 })],
      executors: [...holder.executors, executor("c0", { use: "held" })],
    });
    expect(recalls).toEqual([]);
    expect(decisions).toEqual([{ kind: "reclaim", executorId: "c0" }]);
  });

  it("go to no lower priority while a higher one is short", () => {
    const urgent = working(alone("a", { priority: 5 }), 2);
    const greedy = working(alone("b"), 3);
    const snapshot = {
      sessions: [urgent.session, greedy.session, session("c", { openTasks: 1 })],
      executors: [...urgent.executors, ...greedy.executors],
      nodes: [node("n1", 5)],
    };
    expect(decide(snapshot, both).recalls).toEqual([]);
    expect(decide(snapshot, ["drf"]).recalls).toEqual([{ sessionId: "b", node: "n1" }]);
  });

  it("make room for one that needs more of them at once, on one node", () => {
    const holder = working(working(alone("a"), 2, "n1"), 4, "n2");
    const { recalls } = decide({
      sessions: [holder.session, session("b", { resreq: { cpu: 3, memory: gib, gpu: 0 } })],
      executors: holder.executors,
      nodes: [node("n1", 2), node("n2", 4)],
    });
    expect(recalls).toEqual(Array(3).fill({ sessionId: "a", node: "n2" }));
  });
});

describe("what nobody can use yet", () => {
  it("is kept for a large session that has nothing, under every policy", () => {
    const holder = working(alone("a", { openTasks: 1 }), 1);
    const wide = session("b", { resreq: { cpu: 2, memory: gib, gpu: 0 } });
    for (const policies of everyPolicy) {
      const { decisions, short } = decide(
        {
          sessions: [holder.session, wide, session("c")],
          executors: holder.executors,
          nodes: [node("n1", 2)],
        },
        policies,
      );
      expect(decisions).toEqual([]);
      expect([...short]).toContain("b");
    }
  });

  it("does not lie idle under drf when the session that is short has something", () => {
    const wide = working(alone("a", { resreq: { cpu: 2, memory: gib, gpu: 0 } }), 1);
    const small = working(alone("b"), 2);
    const snapshot = {
      sessions: [wide.session, small.session],
      executors: [...wide.executors, ...small.executors],
      nodes: [node("n1", 5)],
    };
    expect(given(decide(snapshot, both).decisions)).toEqual({ b: 1 });
    expect(given(decide(snapshot, ["priority"]).decisions)).toEqual({});
  });
});

describe("many sessions that are short", () => {
  it("cost little, since one that tries in vain tries for all of its kind", () => {
    const crowd = Array.from({ length: 1000 }, (_, index) =>
      working(alone(`s${index}-`), 1, `n${index % 10}`),
    );
    const began = performance.now();
    const { short } = decide({
      sessions: crowd.map((one) => one.session),
      executors: crowd.flatMap((one) => one.executors),
      nodes: Array.from({ length: 10 }, (_, index) => node(`n${index}`, 100)),
    });
    expect(short.size).toBe(1000);
    // Each on its own would take seconds; it is some milliseconds.
    expect(performance.now() - began).toBeLessThan(500);
  });
});
