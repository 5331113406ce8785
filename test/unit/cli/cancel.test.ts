import { describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import type { CancelOptions, CancelResult } from "../../../src/client/index.ts";
import { fakeContext, session, task } from "./tools.ts";

type Asked = [session: string, tasks: readonly string[] | undefined, options?: CancelOptions];

function cluster(result: Partial<CancelResult> = {}) {
  const asked: Asked[] = [];
  const closed: string[] = [];
  const context = fakeContext({
    cancelTasks: async (...call: Asked) => {
      asked.push(call);
      return {
        cancelled: 0,
        ended: 0,
        over: 0,
        running: 0,
        closed: false,
        busyNodes: [],
        ...result,
      };
    },
    closeSession: async (id: string) => {
      closed.push(id);
      return session({ id, state: "Closed" });
    },
    getTask: async () => task({ state: "Succeed" }),
  });
  return { asked, closed, context };
}

describe("flmctl cancel", () => {
  it.each([
    [
      ["cancel", "task", "s-1", "3"],
      ["s-1", ["3"]],
    ],
    [
      ["cancel", "-s", "s-1", "-t", "3"],
      ["s-1", ["3"]],
    ],
    [["cancel", "session", "s-1"], ["s-1"]],
    [["cancel", "-s", "s-1"], ["s-1"]],
  ])("%j asks for that and nothing else", async (argv, asked) => {
    const made = cluster();
    expect(await flmctl(argv, made.context)).toBe(0);
    expect(made.asked).toEqual([asked]);
  });

  it.each([
    ["a pending task", { cancelled: 1 }, "Task <3> of session <s> was cancelled.\n"],
    ["a running one", { ended: 1 }, "Task <3> of session <s> was cancelled while it ran.\n"],
    ["one that is over", { over: 1 }, "Task <3> of session <s> had ended before: Succeed.\n"],
  ])("says what came of %s", async (_what, result, text) => {
    const made = cluster(result);
    expect(await flmctl(["cancel", "task", "s", "3"], made.context)).toBe(0);
    expect(made.context.out()).toBe(text);
    expect(made.context.err()).toBe("");
  });

  it("says what came of a session, and which nodes cannot end a service", async () => {
    const made = cluster({ cancelled: 2, ended: 1, busyNodes: ["n1"] });
    await flmctl(["cancel", "session", "s"], made.context);
    expect(made.context.out()).toBe(
      "2 pending tasks were cancelled and 1 running one was ended of session <s>.\n",
    );
    expect(made.context.err()).toBe(
      "Note: node n1 cannot end a running service: its executor stays busy until the service returns.\n",
    );
  });

  it.each([
    [["cancel"], "no session"],
    [["cancel", "task", "s"], "a session and no task"],
    [["cancel", "session", "s", "3"], "cancel session with the task 3"],
    [["cancel", "app", "flmping"], "expected one of task, session"],
  ])("%j is refused before anything is asked", async (argv, text) => {
    const made = cluster();
    expect(await flmctl(argv, made.context)).toBe(1);
    expect(made.asked).toEqual([]);
    expect(made.context.err()).toContain(text);
  });
});

describe("flmctl close session", () => {
  it("without --force cancels nothing that runs", async () => {
    const made = cluster();
    expect(await flmctl(["close", "session", "s"], made.context)).toBe(0);
    expect(made.asked).toEqual([]);
    expect(made.closed).toEqual(["s"]);
    expect(made.context.out()).toBe("Session <s> was closed.\n");
  });

  it("with --force ends what runs, in the commit that closes, and says so", async () => {
    const made = cluster({ ended: 2, closed: true });
    expect(await flmctl(["close", "session", "s", "--force"], made.context)).toBe(0);
    expect(made.asked).toEqual([["s", undefined, { close: true }]]);
    expect(made.context.out()).toBe(
      "Session <s> was closed.\n0 pending tasks were cancelled and 2 running ones were ended.\n",
    );
  });
});
