import { describe, expect, it } from "@jest/globals";
import { Limiter } from "../../../src/client/limiter.ts";

describe("Limiter", () => {
  it("runs at most that many at once, in the order they came", async () => {
    const limiter = new Limiter(3);
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const work = async (n: number): Promise<number> => {
      started.push(n);
      running++;
      most = Math.max(most, running);
      await Promise.resolve();
      await Promise.resolve();
      running--;
      return n;
    };
    const all = Array.from({ length: 5000 }, (_, n) => limiter.run(() => work(n)));
    expect(await Promise.all(all)).toEqual(Array.from({ length: 5000 }, (_, n) => n));
    expect(started).toEqual([...started].sort((a, b) => a - b));
    expect(most).toBe(3);
  });

  it("gives the place on when an action fails", async () => {
    const limiter = new Limiter(1);
    const failed = limiter.run(() => Promise.reject(new Error("no")));
    const next = limiter.run(() => Promise.resolve("yes"));
    await expect(failed).rejects.toThrow("no");
    await expect(next).resolves.toBe("yes");
  });
});
