import { beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../src/kit/logger.ts";
import {
  type ListedObject,
  OrphanObjects,
} from "../../../src/session-manager/objects/orphan-objects.ts";

const retentionMs = 3_600_000;

let objects: ListedObject[];
let known: string[];
let deleted: string[];
let calls: number;
let away: boolean;
let timers: { delayMs: number; action: () => void }[];

function startSweeping(retention = retentionMs): OrphanObjects {
  return new OrphanObjects({
    listObjects: () =>
      away ? Promise.reject(new Error("no connection")) : Promise.resolve(objects),
    deleteObjects: (prefixes) => {
      calls++;
      deleted.push(...prefixes);
      return Promise.resolve();
    },
    isKnown: (session) => known.includes(session),
    clock: {
      now: () => 0,
      steady: () => 0,
      after: (delayMs, action) => {
        const timer = { delayMs, action };
        timers.push(timer);
        return {
          cancel: () => {
            timers = timers.filter((one) => one !== timer);
          },
        };
      },
    },
    logger: silentLogger,
    retentionMs: retention,
  });
}

/** The next sweep, to its end. */
async function sweep(): Promise<void> {
  timers.shift()?.action();
  await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  objects = [];
  known = [];
  deleted = [];
  calls = 0;
  away = false;
  timers = [];
});

describe("objects of a session without a record", () => {
  it("go when nobody has used any of them for the retention, and not before", async () => {
    const sweeping = startSweeping();
    objects = [
      { key: "app/lost/a", idleMs: retentionMs },
      { key: "app/lost/b", idleMs: 2 * retentionMs },
      { key: "app/young/a", idleMs: retentionMs - 1 },
      { key: "app/half/a", idleMs: 2 * retentionMs },
      { key: "app/half/b", idleMs: 5 },
    ];
    await sweep();
    expect(deleted).toEqual(["app/lost"]);
    sweeping.close();
  });

  it("stay while there is a record, open or closed", async () => {
    const sweeping = startSweeping();
    known = ["s1"];
    objects = [{ key: "app/s1/a", idleMs: 9 * retentionMs }];
    await sweep();
    expect(deleted).toEqual([]);
    known = [];
    await sweep();
    expect(deleted).toEqual(["app/s1"]);
    sweeping.close();
  });

  it("stay when they are packages or shared, or when the cache does not tell their use", async () => {
    const sweeping = startSweeping();
    objects = [
      { key: "app/pkg/a", idleMs: 9 * retentionMs },
      { key: "app/shared/a", idleMs: 9 * retentionMs },
      { key: "app/old-cache/a", idleMs: undefined },
    ];
    await sweep();
    expect(deleted).toEqual([]);
    sweeping.close();
  });

  it("go later when the object cache is away", async () => {
    const sweeping = startSweeping();
    objects = [{ key: "app/lost/a", idleMs: retentionMs }];
    away = true;
    await sweep();
    away = false;
    await sweep();
    expect(deleted).toEqual(["app/lost"]);
    sweeping.close();
    expect(timers).toEqual([]);
  });

  it("stay for good when the retention is 0", () => {
    startSweeping(0).close();
    startSweeping(0);
    expect(timers).toEqual([]);
  });

  it("of very many sessions go with few calls, and never those of all sessions of an application", async () => {
    startSweeping();
    objects = Array.from({ length: 2_500 }, (_, i) => ({
      key: `app/s${i}/o`,
      idleMs: retentionMs,
    }));
    objects.push({ key: "app/*/o", idleMs: retentionMs });
    await sweep();
    await new Promise((resolve) => setImmediate(resolve));
    expect([calls, deleted.length, deleted.includes("app/*")]).toEqual([3, 2_500, false]);
  });
});
