import { beforeEach, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import type { Timer } from "../../../src/kit/clock.ts";
import type { Logger } from "../../../src/kit/logger.ts";
import type { StorageCondition } from "../../../src/session-manager/storage/storage-guard.ts";
import {
  measureStorage,
  StorageWatch,
} from "../../../src/session-manager/storage/storage-watch.ts";
import { settle } from "./scripted-machine.ts";

const room = { place: "flame.db", usedBytes: 3, freeBytes: 5, totalBytes: 9 };
let now: StorageCondition | Error;
/** Looks that wait for the disk. */
let looks: (() => void)[];
let isSlow: boolean;
let timers: (() => void)[];
let heard: string[];
let watch: StorageWatch;

const guard = {
  condition: (): Promise<StorageCondition> => {
    const answer = now;
    if (answer instanceof Error) return Promise.reject(answer);
    if (!isSlow) return Promise.resolve(answer);
    return new Promise((resolve) => looks.push(() => resolve(answer)));
  },
};
const said =
  (level: string) =>
  (_fields: object, text: string): number =>
    heard.push(`${level}: ${text}`);

beforeEach(() => {
  [now, looks, isSlow, timers, heard] = [{ full: undefined, room }, [], false, [], []];
  watch = new StorageWatch({
    guard,
    clock: {
      now: () => 0,
      steady: () => 0,
      after: (_ms, action): Timer => {
        timers.push(action);
        return { cancel: () => void timers.splice(timers.indexOf(action), 1) };
      },
    },
    logger: { info: said("info"), warn: said("warn"), error: said("error") } as unknown as Logger,
    onChange: (takesMore) => heard.push(takesMore ? "takes more" : "takes no more"),
  });
});

async function next(condition: StorageCondition | Error): Promise<void> {
  now = condition;
  const due = timers.splice(0);
  expect(due).toHaveLength(1);
  due[0]?.();
  await settle();
}

describe("the watch of the storage", () => {
  it("has looked when it has begun, and says each change once", async () => {
    await watch.begin();
    expect(heard.splice(0)).toEqual(["takes more"]);
    await next({ full: "no room", room });
    await next({ full: "no room", room });
    expect(heard.splice(0)).toEqual(["error: what grows is refused: no room", "takes no more"]);
    await next({ full: undefined, room });
    expect(heard).toEqual(["info: the disk has room again", "takes more"]);
  });

  it("says once that the room cannot be seen, and goes on looking", async () => {
    await watch.begin();
    heard.length = 0;
    await next(new Error("no such folder"));
    await next(new Error("no such folder"));
    await next({ full: undefined, room });
    expect(heard.splice(0)).toEqual(["warn: the room of the storage is not known"]);
    await next(new Error("again"));
    expect(heard).toEqual(["warn: the room of the storage is not known"]);
  });

  it("that is closed during a look says nothing of it, and looks no more", async () => {
    await watch.begin();
    heard.length = 0;
    isSlow = true;
    await next({ full: "no room", room });
    watch.close();
    for (const answer of looks.splice(0)) answer();
    await settle();
    expect([heard, timers]).toEqual([[], []]);
  });

  it("is refused where the first look is", async () => {
    now = new Error("no such folder");
    await expect(watch.begin()).rejects.toThrow("no such folder");
    expect(timers).toEqual([]);
  });
});

describe("the gauges of the storage", () => {
  it("show each time what is there then; storage in memory has none", async () => {
    const registry = new Registry();
    await measureStorage(registry, guard);
    now = { full: "no room", room: { ...room, usedBytes: 4 } };
    const shown = (await registry.metrics()).split("\n").filter((line) => /^flame/.test(line));
    expect(shown).toEqual([
      "flame_storage_full 1",
      "flame_storage_free_bytes 5",
      "flame_storage_used_bytes 4",
    ]);
    now = { full: undefined, room: undefined };
    const empty = new Registry();
    await measureStorage(empty, guard);
    expect((await empty.metrics()).trim()).toBe("");
  });
});
