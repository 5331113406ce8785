import { describe, expect, it } from "@jest/globals";
import { Releasers } from "../../../src/kit/releasers.ts";

describe("releasers", () => {
  it("give back last in, first out, one after the other", async () => {
    const order: string[] = [];
    const releasers = new Releasers();
    releasers.add("first", () => void order.push("first"));
    releasers.add("second", async () => {
      await Promise.resolve();
      order.push("second");
    });
    releasers.add("third", () => void order.push("third"));
    await releasers.close();
    expect(order).toEqual(["third", "second", "first"]);
  });

  it("do it once, and every caller waits for the same end", async () => {
    let count = 0;
    const releasers = new Releasers();
    releasers.add("it", () => {
      count++;
    });
    await Promise.all([releasers.close(), releasers.close()]);
    await releasers.close();
    expect(count).toBe(1);
  });

  it("go on after a failure, and name the first with its cause", async () => {
    const order: string[] = [];
    const cause = new Error("port is stuck");
    const releasers = new Releasers();
    releasers.add("the store", () => void order.push("store"));
    releasers.add("the listener", () => Promise.reject(cause));
    releasers.add("the plugins", () => Promise.reject(new Error("plugin is stuck")));
    await expect(releasers.close()).rejects.toMatchObject({
      message: "closing the plugins failed",
      cause: { message: "plugin is stuck" },
    });
    expect(order).toEqual(["store"]);
  });

  it("are given back at the end of an `await using` block", async () => {
    const order: string[] = [];
    const releasers = new Releasers();
    releasers.add("it", () => void order.push("released"));
    await releasers[Symbol.asyncDispose]();
    expect(order).toEqual(["released"]);
  });
});
