import { beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../src/kit/logger.ts";
import type { SessionRecord } from "../../../src/model/session.ts";
import { ObjectJanitor } from "../../../src/session-manager/objects/object-janitor.ts";
import { TestClock } from "../../support/test-clock.ts";

const session = (id: string, completionTime?: number): SessionRecord => ({
  id,
  application: "app",
  applicationRevision: 1,
  state: completionTime === undefined ? "Open" : "Closed",
  creationTime: 0,
  ...(completionTime !== undefined && { completionTime }),
  resreq: { cpu: 1, memory: 1, gpu: 0 },
  minInstances: 0,
  priority: 0,
  owner: "test",
  events: [],
});

let clock: TestClock;
let deleted: string[];
let calls: number;
let remembered: string[];
/** What a call waits for. */
let during: Promise<void>;
let away: boolean;
const janitor = (...sessions: SessionRecord[]): ObjectJanitor =>
  new ObjectJanitor(
    {
      deleteObjects: async (prefixes) => {
        calls++;
        if (away) throw new Error("no connection");
        deleted.push(...prefixes);
        await during;
      },
      remember: (ids) => {
        remembered.push(...ids);
        return Promise.resolve();
      },
      clock,
      logger: silentLogger,
      retentionMs: 600_000,
    },
    sessions,
  );

beforeEach(() => {
  clock = new TestClock();
  deleted = [];
  remembered = [];
  calls = 0;
  during = Promise.resolve();
  away = false;
});

describe("the objects of a session", () => {
  it("go when the retention has passed after it was closed, not before and not while it is open", async () => {
    const one = janitor(session("s"));
    one.committed([{ kind: "session.put", record: session("s", 0) }]);
    await clock.pass(599_999);
    expect(deleted).toEqual([]);
    await clock.pass(1);
    expect(deleted).toEqual(["app/s"]);
  });

  it("go at once with its record", async () => {
    const one = janitor(session("s", 0));
    one.committed([{ kind: "session.delete", id: "s" }]);
    await clock.pass(0);
    expect(deleted).toEqual(["app/s"]);
    await clock.pass(1_000_000);
    expect(deleted).toEqual(["app/s"]);
  });

  it("go after a restart for every session that is closed", async () => {
    janitor(session("a", -700_000), session("b", -1), session("c"));
    await clock.pass(0);
    expect(deleted).toEqual(["app/a"]);
    await clock.pass(600_000);
    expect(deleted).toEqual(["app/a", "app/b"]);
  });

  it("go later when the object cache is away, and stay when the id is used again before", async () => {
    const one = janitor(session("a", 0), session("b", 0));
    away = true;
    one.committed([
      { kind: "session.delete", id: "a" },
      { kind: "session.delete", id: "b" },
    ]);
    await clock.pass(10);
    one.committed([{ kind: "session.put", record: session("b") }]);
    away = false;
    await clock.pass(30_000);
    expect(deleted).toEqual(["app/a"]);
  });

  it.each([86_400_000, -86_400_000])(
    "go at the same time when the date is set by %d ms meanwhile",
    async (byMs) => {
      const one = janitor(session("s"));
      one.committed([{ kind: "session.put", record: session("s", 0) }]);
      clock.dateAheadMs = byMs;
      await clock.pass(599_999);
      expect(deleted).toEqual([]);
      await clock.pass(1);
      expect(deleted).toEqual(["app/s"]);
    },
  );

  it("are never those of packages and shared objects, whatever a session is called", async () => {
    janitor(session("pkg", -700_000), session("shared", -700_000), session("*", -700_000));
    await clock.pass(1_000_000);
    expect(deleted).toEqual([]);
  });

  it("of very many sessions go with few calls, and each is remembered once", async () => {
    janitor(...Array.from({ length: 100_000 }, (_, i) => session(`s${i}`, -700_000)));
    await clock.pass(10);
    expect(new Set(deleted).size).toBe(100_000);
    expect(calls).toBe(100);
    expect(new Set(remembered).size).toBe(100_000);
  });

  it("are not asked for again after a restart once they are gone, but with the session's record", async () => {
    const gone: SessionRecord = { ...session("gone", -700_000), objectsDeleted: true };
    const one = janitor(gone, session("left", -700_000));
    await clock.pass(1_000_000);
    expect([deleted, remembered]).toEqual([["app/left"], ["left"]]);
    one.committed([{ kind: "session.delete", id: "gone" }]);
    await clock.pass(0);
    expect([deleted, remembered]).toEqual([["app/left", "app/gone"], ["left"]]);
  });

  it("are asked for with one call while the object cache is away, and again after a pause", async () => {
    away = true;
    janitor(...Array.from({ length: 5_000 }, (_, i) => session(`s${i}`, -700_000)));
    await clock.pass(29_999);
    expect(calls).toBe(1);
    away = false;
    await clock.pass(1);
    expect(deleted).toHaveLength(5_000);
  });

  it("of a session that was closed anew during the call are deleted again, and not remembered before", async () => {
    let finish = (): void => undefined;
    during = new Promise((resolve) => {
      finish = resolve;
    });
    const one = janitor(session("s", -700_000));
    await clock.pass(0);
    one.committed([
      { kind: "session.delete", id: "s" },
      { kind: "session.put", record: session("s") },
      { kind: "session.put", record: session("s", 0) },
    ]);
    finish();
    during = Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    await clock.pass(599_999);
    expect([deleted, remembered]).toEqual([["app/s"], []]);
    await clock.pass(1);
    expect([deleted, remembered]).toEqual([["app/s", "app/s"], ["s"]]);
  });
});
