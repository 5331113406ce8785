import { describe, expect, it } from "@jest/globals";
import type { PolicyName } from "../../../src/model/scheduling-policy.ts";
import { alone, decide, executor, gib, given, node, one, session, working } from "./world.ts";

// What the published scheduler does and this one does not: docs/quirks.md.

const everyPolicy: [readonly PolicyName[]][] = [[["priority", "drf"]], [["priority"]], [["drf"]]];

describe("priority inversion", () => {
  it.each(everyPolicy)("scarce idle executors go to the session that is first: %j", (policies) => {
    const urgent = session("b", { priority: 5 });
    const greedy = working(alone("a"), 3);
    const { decisions } = decide(
      { sessions: [greedy.session, urgent], executors: [...greedy.executors, executor("free")] },
      policies,
    );
    expect(decisions).toEqual([{ kind: "bind", executorId: "free", sessionId: "b" }]);
  });

  it.each(everyPolicy)("scarce room goes to the session that is first: %j", (policies) => {
    const urgent = session("b", { priority: 5 });
    const greedy = working(alone("a"), 3);
    const snapshot = { sessions: [greedy.session, urgent], executors: greedy.executors };
    expect(given(decide(snapshot, policies).decisions)).toEqual({ b: 1 });
  });

  it("the smaller share is served first, not the larger one", () => {
    const rich = working(alone("a"), 2);
    const poor = working(alone("b"), 1);
    const { decisions } = decide({
      sessions: [rich.session, poor.session],
      executors: [...rich.executors, ...poor.executors],
    });
    expect(given(decisions)).toEqual({ b: 1 });
  });

  it("what the highest priority cannot use goes to the next one while the first still has tasks", () => {
    const sessions = [session("a", { priority: 9, maxInstances: 1 }), session("b")];
    expect(given(decide({ sessions }).decisions)).toEqual({ a: 1, b: 3 });
  });
});

describe("sessions that cannot run hold nobody up", () => {
  it.each([
    ["need more than any node has", { resreq: { cpu: 99, memory: gib, gpu: 0 } }],
    ["need a GPU where there is none", { resreq: { cpu: 1, memory: gib, gpu: 1 } }],
    ["need a shim that no node offers", { shim: "Wasm" as const }],
    ["failed to bind too often", { bindAllowance: 0 }],
    ["may have no instances", { maxInstances: 0 }],
  ])("when they %s", (_why, demand) => {
    const sessions = [session("a", { priority: 9, ...demand }), session("b")];
    const nodes = [node("n1", 4, { shim: "Host" })];
    for (const [policies] of everyPolicy) {
      const { decisions, unserved } = decide({ sessions, nodes }, policies);
      expect(given(decisions)).toEqual({ b: 4 });
      expect([...unserved]).toEqual(["b"]);
    }
  });
});

describe("over-allocation", () => {
  it.each(everyPolicy)(
    "one Pending task is one executor, however slow its start: %j",
    (policies) => {
      const fresh = session("a", { openTasks: 1 });
      const nodes = [node("n1", 8)];
      const first = decide({ sessions: [fresh], nodes }, policies);
      expect(given(first.decisions)).toEqual({ a: 1 });
      for (const use of ["arriving", "held"] as const) {
        const starting = { ...fresh, held: use === "held" ? 1 : 0 };
        const executors = [executor("e1", { use })];
        expect(decide({ sessions: [starting], executors, nodes }, policies).decisions).toEqual([]);
      }
    },
  );

  it.each(everyPolicy)("never more than max_instances, also of idle executors: %j", (policies) => {
    const executors = ["e1", "e2", "e3"].map((id) => executor(id));
    const limited = session("a", { maxInstances: 2 });
    const { decisions } = decide({ sessions: [limited], executors }, policies);
    expect(decisions.map(({ kind }) => kind)).toEqual(["bind", "bind", "release"]);
  });

  it.each(everyPolicy)(
    "never more than the application's max_instances over all its sessions: %j",
    (policies) => {
      const sessions = [session("a"), session("b"), session("c", { application: "other" })];
      const applicationMax = (name: string): number => (name === "app" ? 2 : 100);
      const { a = 0, b = 0, c } = given(decide({ sessions, applicationMax }, policies).decisions);
      expect([a + b, c]).toEqual([2, 2]);
    },
  );
});

describe("fit", () => {
  it.each(everyPolicy)("no node gets more than it has, in any field: %j", (policies) => {
    const memory = { cpu: 1, memory: 30 * gib, gpu: 0 };
    const sessions = [session("a", { resreq: memory, openTasks: 9 })];
    const nodes = [node("n1", 16), node("n2", 1)];
    const { decisions } = decide({ sessions, nodes }, policies);
    expect(decisions.map((one) => ("node" in one ? one.node : ""))).toEqual(["n1", "n1", "n2"]);
  });

  it.each(everyPolicy)("executors that serve nobody take room too: %j", (policies) => {
    const big = { cpu: 3, memory: gib, gpu: 0 };
    for (const use of ["idle", "arriving", "leaving"] as const) {
      const { decisions } = decide(
        {
          sessions: [session("a", { resreq: big })],
          executors: [executor("e1", { use, resreq: { ...one, cpu: 2 } })],
        },
        policies,
      );
      expect(given(decisions)).toEqual({});
    }
  });

  it.each(everyPolicy)("max_executors of a node is kept: %j", (policies) => {
    const { decisions } = decide({ sessions: [session("a")], executorsPerNodeMax: 3 }, policies);
    expect(given(decisions)).toEqual({ a: 3 });
  });

  it.each(everyPolicy)("a session that asks for no resources runs: %j", (policies) => {
    const nothing = session("a", { resreq: { cpu: 0, memory: 0, gpu: 0 }, openTasks: 2 });
    expect(given(decide({ sessions: [nothing] }, policies).decisions)).toEqual({ a: 2 });
  });

  it.each(everyPolicy)(
    "nodes that are not Ready are no capacity, and what is there no supply: %j",
    (policies) => {
      const executors = [executor("e1", { node: "lost" })];
      const { decisions } = decide({ sessions: [session("a")], executors, nodes: [] }, policies);
      expect(decisions).toEqual([]);
    },
  );

  it.each(everyPolicy)("an executor of another shim or size is not used: %j", (policies) => {
    const executors = [
      executor("wasm", { shim: "Wasm" }),
      executor("large", { resreq: { cpu: 2, memory: gib, gpu: 0 } }),
    ];
    const { decisions } = decide({ sessions: [session("a")], executors }, policies);
    expect(decisions.filter(({ kind }) => kind === "bind")).toEqual([]);
  });
});

describe("min_instances", () => {
  it.each(everyPolicy)("are wanted without any task, under every policy: %j", (policies) => {
    const warm = session("a", { openTasks: 0, minInstances: 2 });
    expect(given(decide({ sessions: [warm] }, policies).decisions)).toEqual({ a: 2 });
  });
});
