import { beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../src/kit/logger.ts";
import { StoreCleaner } from "../../../src/session-manager/storage/store-cleaner.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { TestClock } from "../../support/test-clock.ts";

/** Sessions that still have so many pieces each. */
class SlowlyLeaving extends MemoryStore {
  readonly left = new Map<string, number>();
  readonly pieces: string[] = [];
  failing = false;

  override isLeaving(sessionId = ""): boolean {
    return this.left.has(sessionId);
  }

  override cleanUp(wanted = ""): Promise<boolean> {
    if (this.failing) return Promise.reject(new Error("disk is full"));
    const id = this.left.has(wanted) ? wanted : this.left.keys().next().value;
    if (id === undefined) return Promise.resolve(false);
    this.pieces.push(id);
    const left = (this.left.get(id) ?? 0) - 1;
    if (left > 0) this.left.set(id, left);
    else this.left.delete(id);
    return Promise.resolve(true);
  }
}

let clock: TestClock;
let store: SlowlyLeaving;
const cleaner = (): StoreCleaner => new StoreCleaner({ store, clock, logger: silentLogger });

beforeEach(() => {
  clock = new TestClock();
  store = new SlowlyLeaving();
});

describe("what deleted sessions left", () => {
  it("goes after a start, and after each deletion, with a pause between two pieces", async () => {
    store.left.set("a", 3);
    const one = cleaner();
    await clock.pass(0);
    expect(store.pieces).toEqual(["a"]);
    await clock.pass(100);
    expect(store.pieces).toEqual(["a", "a", "a"]);
    store.left.set("b", 1);
    await clock.pass(100);
    expect(store.pieces).toHaveLength(3);
    one.committed([{ kind: "node.delete", name: "n" }]);
    await clock.pass(100);
    expect(store.pieces).toHaveLength(3);
    one.committed([{ kind: "session.delete", id: "b" }]);
    await clock.pass(0);
    expect(store.pieces).toEqual(["a", "a", "a", "b"]);
  });

  it("of an id that is wanted again goes first, and who wants it waits for that alone", async () => {
    store.left.set("large", 100).set("wanted", 2);
    const one = cleaner();
    const done: string[] = [];
    void one.gone("wanted").then(() => done.push("wanted"));
    void one.gone("free").then(() => done.push("free"));
    await clock.pass(0);
    expect(done).toEqual(["free"]);
    await clock.pass(2);
    expect(done).toEqual(["free", "wanted"]);
    expect(store.pieces).toEqual(["wanted", "wanted"]);
  });

  it("stays while the disk refuses, keeps nobody waiting, and goes later", async () => {
    store.left.set("a", 1);
    store.failing = true;
    const one = cleaner();
    const waits = one.gone("a");
    await clock.pass(0);
    await waits;
    await one.gone("a");
    store.failing = false;
    await clock.pass(29_999);
    expect(store.pieces).toEqual([]);
    await clock.pass(1);
    expect(store.pieces).toEqual(["a"]);
  });

  it("keeps nobody waiting when the session manager ends", async () => {
    store.left.set("a", 1_000);
    const one = cleaner();
    const waits = one.gone("a");
    one.close();
    await waits;
    await clock.pass(1_000_000);
    expect(store.pieces).toEqual([]);
  });
});
