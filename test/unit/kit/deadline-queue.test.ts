import { describe, expect, it } from "@jest/globals";
import { DeadlineQueue } from "../../../src/kit/deadline-queue.ts";

describe("a deadline queue", () => {
  it("is empty at first", () => {
    const queue = new DeadlineQueue<string>();
    expect(queue.next()).toBeUndefined();
    expect(queue.takeDue(1_000)).toEqual([]);
  });

  it("gives back what is due, earliest first, once", () => {
    const queue = new DeadlineQueue<string>();
    queue.set("late", 30);
    queue.set("early", 10);
    queue.set("middle", 20);
    expect(queue.next()).toBe(10);
    expect(queue.takeDue(20)).toEqual(["early", "middle"]);
    expect(queue.takeDue(20)).toEqual([]);
    expect(queue.next()).toBe(30);
  });

  it("holds one moment for each key: the last that was set", () => {
    const queue = new DeadlineQueue<string>();
    queue.set("a", 10);
    queue.set("a", 30);
    expect(queue.takeDue(29)).toEqual([]);
    queue.set("a", 20);
    expect(queue.takeDue(29)).toEqual(["a"]);
    expect(queue.takeDue(100)).toEqual([]);
  });

  it("forgets what is cleared, also when it is set again", () => {
    const queue = new DeadlineQueue<string>();
    queue.set("a", 10);
    queue.clear("a");
    queue.clear("never set");
    expect(queue.takeDue(10)).toEqual([]);
    queue.set("a", 5);
    queue.set("b", 20);
    queue.clear("b");
    queue.set("b", 25);
    expect(queue.takeDue(24)).toEqual(["a"]);
    expect(queue.takeDue(25)).toEqual(["b"]);
  });

  it("gives back at most as many as asked, and the others next time", () => {
    const queue = new DeadlineQueue<number>();
    for (let key = 0; key < 5; key++) queue.set(key, 10 - key);
    expect(queue.takeDue(20, 2)).toEqual([4, 3]);
    expect(queue.next()).toBe(8);
    expect(queue.takeDue(20, 100)).toEqual([2, 1, 0]);
  });

  it("does not keep what was cleared, or moved, until its old moment", () => {
    const queue = new DeadlineQueue<number>();
    for (let key = 0; key < 1_000; key++) queue.set(key, 10);
    for (let key = 0; key < 1_000; key++) queue.clear(key);
    expect(queue.held).toBeLessThan(100);
    for (let at = 10_000; at > 0; at--) queue.set(1, at);
    queue.set(1, 20_000);
    for (let key = 100; key < 1_000; key++) queue.set(key, 30_000);
    for (let key = 100; key < 1_000; key++) queue.clear(key);
    expect(queue.held).toBeLessThan(100);
    expect(queue.takeDue(19_999)).toEqual([]);
    expect(queue.takeDue(20_000)).toEqual([1]);
  });

  it("does as a naive one does, whatever is asked of it", () => {
    expect.hasAssertions();
    for (let seed = 1; seed <= 200; seed++) expect(differences(seed)).toEqual([]);
  });

  /** A long row of random calls against a map of key to moment; says where they differ. */
  function differences(seed: number): string[] {
    const found: string[] = [];
    const random = lehmer(seed);
    const queue = new DeadlineQueue<number>();
    const naive = new Map<number, number>();
    let now = 0;
    for (let step = 0; step < 300; step++) {
      const key = random(12);
      const what = random(10);
      if (what < 5) {
        const at = now + random(50);
        queue.set(key, at);
        naive.set(key, at);
      } else if (what < 7) {
        queue.clear(key);
        naive.delete(key);
      } else {
        now += random(20);
        const due = [...naive].filter(([, at]) => at <= now).map(([late]) => late);
        const taken = queue.takeDue(now);
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

/** Whole numbers below a bound, the same ones for the same seed. */
function lehmer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state % below;
  };
}
