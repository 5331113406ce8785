import { describe, expect, it } from "@jest/globals";
import { DeadlineQueue } from "../../../src/kit/deadline-queue.ts";

describe("a deadline queue", () => {
  it("is empty at first", () => {
    const queue = new DeadlineQueue<"call", string>();
    expect(queue.next()).toBeUndefined();
    expect(queue.takeDue(1_000)).toEqual([]);
  });

  it("gives back what is due, earliest first, once", () => {
    const queue = new DeadlineQueue<"call", string>();
    queue.set("call", "late", 30);
    queue.set("call", "early", 10);
    queue.set("call", "middle", 20);
    expect(queue.next()).toBe(10);
    expect(dueIds(queue, 20)).toEqual(["early", "middle"]);
    expect(queue.takeDue(20)).toEqual([]);
    expect(queue.next()).toBe(30);
  });

  it("holds one moment for each key: the last that was set", () => {
    const queue = new DeadlineQueue<"call", string>();
    queue.set("call", "a", 10);
    queue.set("call", "a", 30);
    expect(queue.takeDue(29)).toEqual([]);
    queue.set("call", "a", 20);
    expect(dueIds(queue, 29)).toEqual(["a"]);
    expect(queue.takeDue(100)).toEqual([]);
  });

  it("forgets what is cleared, also when it is set again", () => {
    const queue = new DeadlineQueue<"call", string>();
    queue.set("call", "a", 10);
    queue.clear("call", "a");
    queue.clear("call", "never set");
    expect(queue.takeDue(10)).toEqual([]);
    queue.set("call", "a", 5);
    queue.set("call", "b", 20);
    queue.clear("call", "b");
    queue.set("call", "b", 25);
    expect(dueIds(queue, 24)).toEqual(["a"]);
    expect(dueIds(queue, 25)).toEqual(["b"]);
  });

  it("gives back at most as many as asked, and the others next time", () => {
    const queue = new DeadlineQueue<"call", number>();
    for (let key = 0; key < 5; key++) queue.set("call", key, 10 - key);
    expect(dueIds(queue, 20, 2)).toEqual([4, 3]);
    expect(queue.next()).toBe(8);
    expect(dueIds(queue, 20, 100)).toEqual([2, 1, 0]);
  });

  it("does not keep what was cleared, or moved, until its old moment", () => {
    const queue = new DeadlineQueue<"call", number>();
    for (let key = 0; key < 1_000; key++) queue.set("call", key, 10);
    for (let key = 0; key < 1_000; key++) queue.clear("call", key);
    expect(queue.held).toBeLessThan(100);
    for (let at = 10_000; at > 0; at--) queue.set("call", 1, at);
    queue.set("call", 1, 20_000);
    for (let key = 100; key < 1_000; key++) queue.set("call", key, 30_000);
    for (let key = 100; key < 1_000; key++) queue.clear("call", key);
    expect(queue.held).toBeLessThan(100);
    expect(queue.takeDue(19_999)).toEqual([]);
    expect(dueIds(queue, 20_000)).toEqual([1]);
  });

  it("tells the same id of two kinds apart", () => {
    const queue = new DeadlineQueue<"call" | "node", string>();
    queue.set("node", "a b", 20);
    queue.set("call", "a b", 10);
    queue.set("call", "c", 30);
    queue.clear("node", "c");
    expect(queue.takeDue(20).map(({ kind, id }) => [kind, id])).toEqual([
      ["call", "a b"],
      ["node", "a b"],
    ]);
    expect(queue.takeDue(30).map(({ kind, id }) => [kind, id])).toEqual([["call", "c"]]);
  });

  it("does as a naive one does, whatever is asked of it", () => {
    expect.hasAssertions();
    for (let seed = 1; seed <= 200; seed++) expect(differences(seed)).toEqual([]);
  });

  /** A long row of random calls against a map of key to moment; says where they differ. */
  function differences(seed: number): string[] {
    const found: string[] = [];
    const random = lehmer(seed);
    const queue = new DeadlineQueue<"call", number>();
    const naive = new Map<number, number>();
    let now = 0;
    for (let step = 0; step < 300; step++) {
      const key = random(12);
      const what = random(10);
      if (what < 5) {
        const at = now + random(50);
        queue.set("call", key, at);
        naive.set(key, at);
      } else if (what < 7) {
        queue.clear("call", key);
        naive.delete(key);
      } else {
        now += random(20);
        const due = [...naive].filter(([, at]) => at <= now).map(([late]) => late);
        const taken = dueIds(queue, now);
        const moments = taken.map((late) => naive.get(late) ?? 0);
        if (String([...taken].sort()) !== String(due.sort()))
          found.push(`step ${step}: took [${String(taken)}], due is [${String(due)}]`);
        if (moments.some((at, index) => at < (moments[index - 1] ?? 0)))
          found.push(`step ${step}: took [${String(moments)}], which is not earliest first`);
        for (const late of taken) naive.delete(late);
      }
      // It may wake up for nothing, never too late.
      const earliest = Math.min(...naive.values());
      if ((queue.next() ?? Number.POSITIVE_INFINITY) > earliest)
        found.push(`step ${step}: wakes up at ${queue.next() ?? "no time"}, not ${earliest}`);
    }
    return found;
  }
});

const dueIds = <Id>(queue: DeadlineQueue<"call", Id>, now: number, limit?: number): Id[] =>
  queue.takeDue(now, limit).map(({ id }) => id);

/** Whole numbers below a bound, the same ones for the same seed. */
function lehmer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state % below;
  };
}
