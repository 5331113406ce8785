import { describe, expect, it } from "@jest/globals";
import { PendingQueue } from "../../../src/sessions/pending-queue.ts";

describe("the queue of Pending tasks", () => {
  it("is empty at first", () => {
    const queue = new PendingQueue();
    expect(queue.size).toBe(0);
    expect(queue.take()).toBeUndefined();
  });

  it("gives the lowest id first, also when tasks come back", () => {
    const queue = new PendingQueue();
    for (const id of [1, 2, 3, 4]) queue.append(id);
    expect([queue.take(), queue.take(), queue.take()]).toEqual([1, 2, 3]);
    queue.putBack(3);
    queue.putBack(1);
    queue.putBack(2);
    queue.append(5);
    expect(queue.size).toBe(5);
    expect([1, 2, 3, 4, 5].map(() => queue.take())).toEqual([1, 2, 3, 4, 5]);
    expect(queue.size).toBe(0);
  });

  it("is empty after it was cleared, and takes new ids", () => {
    const queue = new PendingQueue();
    queue.append(1);
    queue.append(2);
    queue.take();
    queue.putBack(1);
    queue.clear();
    expect(queue.size).toBe(0);
    expect(queue.take()).toBeUndefined();
    queue.append(3);
    expect(queue.take()).toBe(3);
  });

  it("does as a sorted list does over thousands of tasks", () => {
    const queue = new PendingQueue();
    const naive: number[] = [];
    const taken: number[] = [];
    let next = 1;
    let state = 1;
    let differences = 0;
    for (let step = 0; step < 20_000; step++) {
      state = (state * 48_271) % 0x7fff_ffff;
      const what = state % 10;
      if (what < 5) {
        queue.append(next);
        naive.push(next++);
      } else if (what < 6 && taken.length > 0) {
        const [id] = taken.splice(state % taken.length, 1) as [number];
        queue.putBack(id);
        naive.push(id);
        naive.sort((a, b) => a - b);
      } else {
        const id = queue.take();
        differences += id === naive.shift() ? 0 : 1;
        if (id !== undefined) taken.push(id);
      }
      differences += queue.size === naive.length ? 0 : 1;
    }
    expect(differences).toBe(0);
  });
});

it("forgets what is removed, wherever it stands, and counts what is left", () => {
  const queue = new PendingQueue();
  for (let id = 1; id <= 5000; id++) queue.append(id);
  for (const id of [1, 2, 3]) expect(queue.take()).toBe(id);
  for (const id of [3, 1]) queue.putBack(id);
  for (const id of [1, 4, 6, 5000]) queue.remove(id);
  expect(queue.size).toBe(4995);
  expect([queue.take(), queue.take(), queue.take()]).toEqual([3, 5, 7]);
  let last = 0;
  for (let id = queue.take(); id !== undefined; id = queue.take()) last = id;
  expect(last).toBe(4999);
  expect(queue.size).toBe(0);
  queue.append(5001);
  queue.remove(5001);
  expect([queue.size, queue.take()]).toEqual([0, undefined]);
  queue.append(5002);
  queue.clear();
  expect(queue.size).toBe(0);
});

describe("a frozen queue", () => {
  const frozen = (...ids: number[]): PendingQueue => {
    const queue = new PendingQueue();
    for (const id of ids) queue.append(id);
    queue.freeze();
    return queue;
  };
  const all = (queue: PendingQueue): number[] => {
    const taken: number[] = [];
    for (let id = queue.take(); id !== undefined; id = queue.take()) taken.push(id);
    return taken;
  };

  it("gives only what came after the freezing, until it thaws; then all, lowest first", () => {
    const queue = frozen(1, 2, 3);
    expect([queue.size, queue.frozen, queue.take()]).toEqual([0, 3, undefined]);
    queue.append(4);
    queue.append(5);
    expect([queue.size, queue.frozen, queue.take()]).toEqual([2, 3, 4]);
    queue.thaw();
    expect([queue.size, queue.frozen]).toEqual([4, 0]);
    expect(all(queue)).toEqual([1, 2, 3, 5]);
  });

  it("knows what is in it, frozen or not, and forgets what is removed", () => {
    const queue = frozen(1, 2, 3);
    queue.append(4);
    queue.append(5);
    expect([0, 1, 2, 3, 4, 5, 6].filter((id) => queue.has(id))).toEqual([1, 2, 3, 4, 5]);
    queue.remove(2);
    queue.remove(5);
    expect([0, 1, 2, 3, 4, 5, 6].filter((id) => queue.has(id))).toEqual([1, 3, 4]);
    expect([queue.size, queue.frozen]).toEqual([1, 2]);
    queue.thaw();
    expect([1, 2, 3, 4, 5].filter((id) => queue.has(id))).toEqual([1, 3, 4]);
    expect([queue.size, ...all(queue)]).toEqual([3, 1, 3, 4]);
  });

  it("gives what came back to it before it thawed in its place", () => {
    const queue = frozen(2, 3);
    queue.append(4);
    expect(queue.take()).toBe(4);
    queue.putBack(4);
    queue.putBack(1);
    queue.thaw();
    expect(all(queue)).toEqual([1, 2, 3, 4]);
  });

  it("is empty when it was cleared, and thaws to nothing", () => {
    const queue = frozen(1, 2);
    queue.append(3);
    queue.clear();
    queue.thaw();
    expect([queue.size, queue.frozen, queue.take()]).toEqual([0, 0, undefined]);
  });

  it("thaws to itself when it never froze", () => {
    const queue = new PendingQueue();
    queue.append(1);
    queue.thaw();
    expect([queue.size, queue.take()]).toEqual([1, 1]);
  });
});
