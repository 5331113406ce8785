import { beforeEach, describe, expect, it } from "@jest/globals";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import { noTasks } from "../../../src/model/session.ts";
import {
  FinishedTasks,
  forgottenTogether,
} from "../../../src/session-manager/storage/finished-tasks.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { TestClock } from "../../support/test-clock.ts";

/** Knows how many tasks each session has forgotten, and what it was asked. */
class Counting extends MemoryStore {
  readonly gone = new Map<string, number>();
  readonly asked: string[] = [];
  failing = false;
  /** A look comes to the end and finds nothing. */
  hidden = false;
  looks = 0;

  override forgotten(id: string): number {
    return this.gone.get(id) ?? 0;
  }

  override forgetFinished(
    id: string,
    most: number,
    isHeld: (taskId: number) => boolean,
  ): Promise<boolean> {
    if (this.hidden) {
      this.looks++;
      return Promise.resolve(true);
    }
    if (this.failing) return Promise.reject(new Error("disk is full"));
    this.asked.push(`${id} ${most}${isHeld(7) ? " without 7" : ""}`);
    this.gone.set(id, this.forgotten(id) + most);
    return Promise.resolve(false);
  }
}

let clock: TestClock;
let store: Counting;
let open: Set<string>;
let warnings: string[];

beforeEach(() => {
  clock = new TestClock();
  store = new Counting();
  open = new Set(["a", "b"]);
  warnings = [];
});

function finished(kept: number, ended: Record<string, number> = {}): FinishedTasks {
  const logger: Logger = {
    ...silentLogger,
    warn: (_fields, message) => void warnings.push(message),
  };
  const sessions = Object.entries(ended).map(([id, succeed]) => ({
    record: { id, state: "Open" } as never,
    counts: { ...noTasks(), succeed },
    lastTaskId: succeed,
  }));
  const isOpen = (id: string): boolean => open.has(id);
  return new FinishedTasks({ store, clock, logger, kept, isOpen }, sessions);
}

const counts = (id: string, succeed: number, failed = 0, cancelled = 0) =>
  ({
    kind: "session.counts",
    id,
    counts: { ...noTasks(), succeed, failed, cancelled },
    lastTaskId: succeed,
  }) as const;

describe("finished tasks beyond those that are kept", () => {
  it("go when there are a tenth of the limit more, or a thousand, and a thousand at a time", async () => {
    expect([10, 95, 1_000_000].map(forgottenTogether)).toEqual([1, 10, 1000]);
    const one = finished(100);
    one.committed([counts("a", 105)]);
    await clock.pass(100);
    expect(store.asked).toEqual([]);
    one.committed([counts("a", 60, 30, 35)]);
    await clock.pass(100);
    expect(store.asked).toEqual(["a 25"]);
    // However small the limit, a busy session is kept within it: what has ended meanwhile goes with the next piece.
    one.committed([counts("a", 2_225)]);
    await clock.pass(99);
    expect(store.asked).toEqual(["a 25", "a 1000"]);
    await clock.pass(1);
    expect(store.asked).toEqual(["a 25", "a 1000", "a 1000"]);
    await clock.pass(1_000);
    expect(store.asked).toEqual(["a 25", "a 1000", "a 1000", "a 100"]);
  });

  it("of several sessions take turns; a start finds what an earlier process kept", async () => {
    finished(10, { a: 12, b: 12 });
    await clock.pass(99);
    expect(store.asked).toEqual(["a 2"]);
    await clock.pass(1);
    expect(store.asked).toEqual(["a 2", "b 2"]);
  });

  it("stay in a closed session, and while somebody is about to be sent them", async () => {
    const one = finished(10);
    const letGo = one.hold("a", 7);
    const again = one.hold("a", 7);
    one.committed([counts("a", 11), counts("closed", 99)]);
    await clock.pass(100);
    expect(store.asked).toEqual(["a 1 without 7"]);
    letGo();
    again();
    one.committed([counts("a", 12)]);
    await clock.pass(100);
    expect(store.asked).toEqual(["a 1 without 7", "a 1"]);
  });

  it("are looked for once more from the start when a look found none, then with the next task that ends", async () => {
    store.hidden = true;
    const one = finished(10, { a: 12 });
    await clock.pass(1_000);
    expect(store.looks).toBe(2);
    one.committed([counts("a", 13)]);
    await clock.pass(50);
    expect(store.looks).toBe(3);
    store.hidden = false;
    await clock.pass(50);
    expect(store.asked).toEqual(["a 3"]);
  });

  it("of a session that was closed are not looked for in a later one of its id", async () => {
    const one = finished(10);
    one.committed([counts("a", 15)]);
    const record = { id: "a", state: "Closed" } as never;
    one.committed([{ kind: "session.put", record }]);
    open.delete("a");
    // The tasks that its close cancelled are counted behind it.
    one.committed([counts("a", 15, 0, 3)]);
    open.add("a");
    await clock.pass(100);
    expect(store.asked).toEqual([]);
  });

  it("are tried again later when the disk refuses, with one warning, and not after the end", async () => {
    store.failing = true;
    const one = finished(10, { a: 12 });
    await clock.pass(70_000);
    expect(warnings).toEqual(["finished tasks are forgotten later"]);
    store.failing = false;
    await clock.pass(30_000);
    expect(store.asked).toEqual(["a 2"]);
    one.close();
    one.committed([counts("a", 50)]);
    await clock.pass(100);
    expect(store.asked).toHaveLength(1);
  });
});
