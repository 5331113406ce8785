import { describe, expect, it } from "@jest/globals";
import { KeyLocks } from "../../../src/object-cache/key-locks.ts";

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await Promise.resolve();
};

describe("locks by key", () => {
  it("let one after the other in, in the order of asking, and others by", async () => {
    const locks = new KeyLocks();
    const order: string[] = [];
    const work = (key: string, name: string, steps: number) =>
      locks.run(key, async () => {
        order.push(`${name}+`);
        await turns(steps);
        order.push(`${name}-`);
      });
    await Promise.all([work("k", "a", 20), work("k", "b", 1), work("other", "c", 1)]);
    expect(order.join(" ")).toBe("a+ c+ c- a- b+ b-");
  });

  it("are given back by a failure", async () => {
    const locks = new KeyLocks();
    const failing = locks.run("k", async () => {
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    await expect(locks.run("k", async () => 1)).resolves.toBe(1);
  });

  it("hold many keys at once without waiting for each other forever", async () => {
    const locks = new KeyLocks();
    let inside = 0;
    let most = 0;
    const hold = (...keys: string[]) =>
      locks.runAll(keys, async () => {
        most = Math.max(most, ++inside);
        await turns(10);
        inside -= 1;
      });
    await Promise.all([hold("a", "b"), hold("b", "a"), hold("a", "c", "b"), hold("b")]);
    expect(most).toBe(1);
    await expect(locks.runAll([], async () => 2)).resolves.toBe(2);
  });
});
