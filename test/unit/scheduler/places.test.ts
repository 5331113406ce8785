import { describe, expect, it } from "@jest/globals";
import type { PolicyName } from "../../../src/model/scheduling-policy.ts";
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

describe("an owner that has all executors of its quota", () => {
  const ownerMax = (): number => 2;
  const owner = "name alice";

  it("gives a session of another application what waits in one of its own, and nothing of others", () => {
    const { session: has, executors } = idling("a", 2, { owner });
    const { session: other, executors: others } = idling("o", 2, { application: "b" });
    const wants = session("b", { application: "b", owner, openTasks: 1 });
    const { decisions, unserved } = decide({
      sessions: [other, has, wants],
      executors: [...others, ...executors],
      nodes: [node("n1", 16)],
      ownerMax,
    });
    expect(decisions).toEqual([{ kind: "reclaim", executorId: "a0" }]);
    expect([...unserved]).toEqual(["b"]);
  });

  it("gets no more, however much is free, and keeps it from nobody", () => {
    const { session: has, executors } = working(alone("a", { owner, openTasks: 2 }), 2);
    const { decisions, short } = decide({
      sessions: [has, session("b", { owner, openTasks: 5 }), session("c", { openTasks: 1 })],
      executors,
      nodes: [node("n1", 16)],
      ownerMax,
    });
    expect(given(decisions)).toEqual({ c: 1 });
    expect([...short]).toEqual(["b"]);
  });

  it("does not count tasks that wait for tasks of their own", () => {
    const { session: has, executors } = working(alone("a", { owner, openTasks: 2 }), 2);
    const { decisions } = decide({
      sessions: [{ ...has, yielding: 1 }, session("b", { owner, openTasks: 5, depth: 1 })],
      executors,
      nodes: [node("n1", 16)],
      ownerMax,
    });
    expect(given(decisions)).toEqual({ b: 1 });
  });

  it("takes only what helps where its application has all instances, too", () => {
    const { session: mine, executors: first } = idling("a", 2, { owner, application: "b" });
    const { session: app, executors: second } = idling("c", 2);
    const wants = session("x", { owner, openTasks: 1 });
    const { decisions } = decide({
      sessions: [mine, app, wants],
      executors: [...first, ...second],
      nodes: [node("n1", 16)],
      ownerMax,
      applicationMax: (name) => (name === "app" ? 2 : 100),
    });
    expect(decisions).toEqual([]);
  });
});
