import { beforeEach, describe, expect, it } from "@jest/globals";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import { noTasks } from "../../../src/model/session.ts";
import { FinishedTasks, forgottenTogether } from "../../../src/session-manager/finished-tasks.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { TestClock } from "../../support/test-clock.ts";

/** Knows how many tasks each session has forgotten, and what it was asked. */
class Counting extends MemoryStore {
  readonly gone = new Map<string, number>();
  readonly asked: string[] = [];
  failing = false;

  override forgotten(id: string): number {
    return this.gone.get(id) ?? 0;
  }

  override forgetFinished(
    id: string,
    most: number,
    isHeld: (taskId: number) => boolean,
  ): Promise<boolean> {
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
  it("go a tenth of the limit at a time, a thousand at most, and not before there are as many", async () => {
    expect([10, 95, 1_000_000].map(forgottenTogether)).toEqual([1, 10, 1000]);
    const one = finished(100);
    one.committed([counts("a", 105)]);
    await clock.pass(100);
    expect(store.asked).toEqual([]);
    one.committed([counts("a", 60, 30, 35)]);
    await clock.pass(100);
    expect(store.asked).toEqual(["a 10", "a 10"]);
  });

  it("of several sessions take turns; a start finds what an earlier process kept", async () => {
    finished(10, { a: 12, b: 12 });
    await clock.pass(100);
    expect(store.asked).toEqual(["a 1", "b 1", "a 1", "b 1"]);
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

  it("are tried again later when the disk refuses, with one warning, and not after the end", async () => {
    store.failing = true;
    const one = finished(10, { a: 12 });
    await clock.pass(70_000);
    expect(warnings).toEqual(["finished tasks are forgotten later"]);
    store.failing = false;
    await clock.pass(30_000);
    expect(store.asked).toEqual(["a 1", "a 1"]);
    one.close();
    one.committed([counts("a", 50)]);
    await clock.pass(100);
    expect(store.asked).toHaveLength(2);
  });
});
