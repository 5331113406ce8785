import { beforeEach, describe, expect, it } from "@jest/globals";
import type { Command } from "../../../src/core/commands.ts";
import { Turn } from "../../../src/kit/turn.ts";
import type { Change } from "../../../src/model/change.ts";
import type { FlameError } from "../../../src/model/errors.ts";
import type { FlameTurn } from "../../../src/model/flame-turn.ts";
import { UnsettledTurns } from "../../../src/session-manager/engine/unsettled-turns.ts";
import { callToken, streamToken } from "../../support/tokens.ts";

let unsettled: UnsettledTurns;
beforeEach(() => {
  unsettled = new UnsettledTurns();
});

function turn(...changes: readonly Change[]): FlameTurn {
  const made: FlameTurn = new Turn<Change, FlameError>(1);
  for (const change of changes) made.change(change);
  return made;
}

const counts = { pending: 0, running: 0, succeed: 0, failed: 0, cancelled: 0 };
const counted = (id: string): Change => ({ kind: "session.counts", id, counts, lastTaskId: 1 });
const gone = (id: string): Change => ({ kind: "session.delete", id });
const look = (kind: string, input: object): Command => ({ kind, input, token: 7 }) as Command;
const answer = { kind: "reply", to: 7, value: "seen" } as const;

describe("turns that are not durable", () => {
  it("are made durable in their order, those that came during a commit with the next one", () => {
    expect(unsettled.add(turn(), [])).toBe(false);
    expect(unsettled.add(turn(gone("a")), [])).toBe(true);
    expect(unsettled.begin()).toEqual([gone("a")]);
    expect(unsettled.add(turn(gone("b")), [])).toBe(true);
    expect(unsettled.add(turn(gone("c")), [])).toBe(true);
    expect(unsettled.begin()).toBeUndefined();
    expect(unsettled.settle()).toHaveLength(1);
    expect(unsettled.none).toBe(false);
    expect(unsettled.begin()).toEqual([gone("b"), gone("c")]);
    expect(unsettled.settle()).toHaveLength(2);
    expect(unsettled.none).toBe(true);
  });

  it("hold back a turn that changes nothing and came after them", () => {
    unsettled.add(turn(gone("a")), []);
    unsettled.begin();
    const fails = turn();
    fails.reply(callToken<string>(3), "there is one already");
    expect(unsettled.add(fails, [])).toBe(true);
    expect(unsettled.settle().flatMap(({ effects }) => effects)).toEqual(fails.effects);
  });

  it("hold back what shows them, of whichever commit, and nothing else", () => {
    unsettled.add(turn(counted("s1")), []);
    unsettled.begin();
    unsettled.add(
      turn({
        kind: "application.delete",
        name: "app",
        removal: { time: 1, author: "alice", revision: 1 },
      }),
      [],
    );
    const held = (kind: string, input: object): boolean =>
      unsettled.addAnswer(look(kind, input), answer);
    expect(held("session.get", { id: "s2" })).toBe(false);
    expect(held("task.get", { sessionId: "s2", taskId: 1 })).toBe(false);
    expect(held("node.list", {})).toBe(false);
    expect(held("executor.list", {})).toBe(false);
    expect(held("session.get", { id: "s1" })).toBe(true);
    expect(held("task.list", { sessionId: "s1" })).toBe(true);
    expect(held("session.list", {})).toBe(true);
    expect(held("application.get", { name: "other" })).toBe(true);
    expect(held("application.view", {})).toBe(true);
    // Of sessions with the commit under way, of applications with the next one.
    expect(unsettled.settle()).toHaveLength(1 + 3);
    unsettled.begin();
    expect(unsettled.settle()).toHaveLength(1 + 2);
  });

  it("keep the order of a stream: what is ordered there does not go before what waits", () => {
    const waits = turn(gone("a"));
    waits.pushOrdered(streamToken<string>(5), "first", false);
    unsettled.add(waits, []);
    unsettled.begin();
    expect([5, 6].map((stream) => unsettled.hasOrdered(stream))).toEqual([true, false]);
    unsettled.add(turn(gone("b")), [{ to: 6, value: "late" }]);
    expect(unsettled.hasOrdered(6)).toBe(true);
    unsettled.settle();
    expect([5, 6].map((stream) => unsettled.hasOrdered(stream))).toEqual([false, true]);
  });

  it("are gathered until there is much of them, in changes or in bytes", () => {
    unsettled.add(turn(...Array.from({ length: 3_999 }, () => gone("a"))), []);
    expect(unsettled.full).toBe(false);
    unsettled.add(turn(gone("b")), []);
    expect(unsettled.full).toBe(true);
    unsettled.begin();
    expect(unsettled.full).toBe(false);
    const task = { sessionId: "s", id: 1 } as Extract<Change, { kind: "task.put" }>["record"];
    const output = Buffer.alloc(8 * 1024 * 1024);
    unsettled.add(turn({ kind: "task.put", record: task, input: output, output }), []);
    expect(unsettled.full).toBe(true);
  });

  it("are gone together when the commit under way fails", () => {
    unsettled.add(turn(gone("a")), []);
    unsettled.begin();
    unsettled.add(turn(gone("b")), []);
    unsettled.drop();
    expect(unsettled.none).toBe(true);
    expect(unsettled.begin()).toBeUndefined();
  });
});
