import { describe, expect, it } from "@jest/globals";
import { systemClock } from "../../../src/kit/clock.ts";
import { randomId, shortName } from "../../../src/kit/ids.ts";
import { codeOf, textOf } from "../../../src/kit/thrown.ts";
import { Turn } from "../../../src/kit/turn.ts";
import { callToken, streamToken } from "../../support/tokens.ts";

describe("ids", () => {
  it("are UUIDs that differ", () => {
    const ids = new Set(Array.from({ length: 1000 }, randomId));
    expect(ids.size).toBe(1000);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("short names end in six letters or digits, or as many as asked for", () => {
    expect(shortName("my-app")).toMatch(/^my-app-[A-Za-z0-9]{6}$/);
    expect(shortName("my-app", 12)).toMatch(/^my-app-[A-Za-z0-9]{12}$/);
  });
});

describe("the system clock", () => {
  it("calls once after the time, and not when it was cancelled", async () => {
    const calls: string[] = [];
    const before = systemClock.now();
    const cancelled = systemClock.after(1, () => calls.push("cancelled"));
    cancelled.cancel();
    await new Promise<void>((resolve) => {
      // A timer that keeps no process alive must not be the only thing that this test waits for.
      const keepAlive = setTimeout(resolve, 5_000);
      systemClock.after(20, () => {
        calls.push("called");
        clearTimeout(keepAlive);
        resolve();
      });
    });
    expect(calls).toEqual(["called"]);
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  });
});

describe("a caught value", () => {
  it.each([
    [new Error("text"), "text", undefined],
    [Object.assign(new Error("gone"), { code: "ENOENT" }), "gone", "ENOENT"],
    [{ message: "from another realm", code: 14 }, "from another realm", 14],
    [{ message: 5, code: {} }, "[object Object]", undefined],
    ["just text", "just text", undefined],
    [null, "null", undefined],
    [undefined, "undefined", undefined],
  ])("%j has its text and its code", (thrown, text, code) => {
    expect(textOf(thrown)).toBe(text);
    expect(codeOf(thrown)).toBe(code);
  });
});

describe("a turn", () => {
  it("gathers changes and effects in their order", () => {
    const turn = new Turn<string, Error>(7);
    const error = new Error("no");
    turn.change("first");
    turn.reply(callToken<string>(1), "value");
    turn.change("second");
    turn.fail(2, error);
    turn.push(streamToken<string>(3), "message");
    turn.end(3);
    turn.end(4, error);
    expect(turn.now).toBe(7);
    expect(turn.changes).toEqual(["first", "second"]);
    expect(turn.effects).toEqual([
      { kind: "reply", to: 1, value: "value" },
      { kind: "fail", to: 2, error },
      { kind: "push", to: 3, value: "message" },
      { kind: "end", to: 3 },
      { kind: "end", to: 4, error },
    ]);
  });

  it("lets ordered messages leave early up to the first that may not, stream by stream", () => {
    const turn = new Turn<string, Error>(7);
    const [one, other] = [streamToken<string>(1), streamToken<string>(2)];
    turn.push(one, "unordered");
    turn.pushOrdered(one, "a", true);
    turn.pushOrdered(one, "b", false);
    turn.pushOrdered(one, "c", true);
    turn.pushOrdered(other, "d", true);
    expect(turn.early).toEqual([
      { to: 1, value: "a" },
      { to: 2, value: "d" },
    ]);
    expect(turn.effects).toEqual(
      ["unordered", "b", "c"].map((value) => ({ kind: "push", to: 1, value })),
    );
  });
});
