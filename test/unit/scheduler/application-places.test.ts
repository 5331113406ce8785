import { describe, expect, it } from "@jest/globals";
import type { PolicyName } from "../../../src/model/scheduling-policy.ts";
import { alone, decide, executor, gib, node, session, type Working, working } from "./world.ts";

const everyPolicy: [readonly PolicyName[]][] = [[["priority", "drf"]], [["priority"]], [["drf"]]];
const applicationMax = (): number => 2;

/** A session whose executors only wait. */
function idling(id: string, count: number, given: Parameters<typeof alone>[1] = {}): Working {
  const { session: one, executors } = working(alone(id, { openTasks: 0, ...given }), count);
  return { session: { ...one, waiting: one.busy, busy: [] }, executors };
}

describe("an application that has all its instances", () => {
  it.each(everyPolicy)("takes a waiting one of one session for another one: %j", (policies) => {
    const { session: has, executors } = idling("a", 2);
    const wants = session("b", { openTasks: 1 });
    const { decisions, unserved } = decide(
      { sessions: [has, wants], executors, applicationMax },
      policies,
    );
    expect(decisions).toEqual([{ kind: "reclaim", executorId: "a0" }]);
    expect([...unserved]).toEqual(["b"]);
  });

  it("takes no second one while the first is on its way", () => {
    const { session: has, executors } = idling("a", 1);
    const wants = session("b", { openTasks: 1 });
    const onItsWay = executor("a9", { use: "arriving" });
    const { decisions } = decide({
      sessions: [has, wants],
      executors: [...executors, onItsWay],
      applicationMax: () => 1,
      applicationLeaving: () => 1,
    });
    expect(decisions).toEqual([]);
  });

  it.each([
    ["are kept warm", idling("a", 2, { minInstances: 2 }), {}],
    ["belong to another application", idling("a", 2, { application: "other" }), {}],
    [
      "make no room for what is wanted",
      idling("a", 2),
      { resreq: { cpu: 4, memory: 64 * gib, gpu: 0 } },
    ],
  ])("takes none that %s", (_which, { session: has, executors }, wanted) => {
    const full = (name: string): number => (name === "app" ? has.held : 100);
    const max = has.application === "app" ? full : (): number => 0;
    const { decisions } = decide({
      sessions: [has, session("b", { openTasks: 1, ...wanted })],
      executors: [...executors, executor("x", { use: "held" })],
      nodes: [node("n1", 4)],
      applicationMax: max,
    });
    expect(decisions).toEqual([]);
  });

  it("shares them: what works is recalled until both have as many", () => {
    const { session: has, executors } = working(alone("a"), 4);
    const { recalls, decisions } = decide({
      sessions: [has, session("b")],
      executors,
      nodes: [node("n1", 16)],
      applicationMax: () => 4,
    });
    expect(decisions).toEqual([]);
    expect(recalls).toEqual([
      { sessionId: "a", node: "n1" },
      { sessionId: "a", node: "n1" },
    ]);
  });

  it("recalls none for a lower priority, and none from whom has one only", () => {
    for (const [count, priority] of [
      [4, -1],
      [1, 0],
    ] as const) {
      const { session: has, executors } = working(alone("a"), count);
      const { recalls, decisions } = decide({
        sessions: [has, session("b", { priority })],
        executors,
        nodes: [node("n1", 16)],
        applicationMax: () => count,
      });
      expect([recalls, decisions]).toEqual([[], []]);
    }
  });
});
