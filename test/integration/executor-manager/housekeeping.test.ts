import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type FlameHome, flameHomeAt } from "../../../src/config/flame-home.ts";
import { Housekeeping } from "../../../src/executor-manager/housekeeping.ts";
import { PackageShelf } from "../../../src/executor-manager/packages/package-shelf.ts";
import { pruneLogs } from "../../../src/executor-manager/prune-logs.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

const hourMs = 3_600_000;

let folder: { path: string; remove: () => void };
let home: FlameHome;

beforeEach(() => {
  folder = temporaryFolder("housekeeping");
  home = flameHomeAt(folder.path);
});

afterEach(() => folder.remove());

/** A file of some bytes that was written to some hours ago. */
function write(path: string, { hours = 0, bytes = 1 } = {}): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.alloc(bytes));
  const time = (Date.now() - hours * hourMs) / 1000;
  utimesSync(path, time, time);
}

const logs = (name: string) => join(home.root, "logs/executors", name);

const alone = (work: () => Promise<void>): Promise<void> => work();

describe("logs", () => {
  const limits = { files: 3, bytes: 1000, ageMs: 10 * hourMs };

  it.each([
    ["more files than are kept", { c: 3, d: 4, e: 5 }, ["c", "d"]],
    ["old files", { c: 9, d: 11 }, ["c"]],
  ])("of %s go, the oldest first", async (_what, more, left) => {
    write(logs("s1/b"), { hours: 2 });
    for (const [name, hours] of Object.entries(more)) write(logs(`s1/${name}`), { hours });
    await pruneLogs(logs("."), limits, Date.now());
    expect(readdirSync(logs("s1"))).toEqual(["b", ...left]);
  });

  it("of more bytes than are kept go, and a session's folder with its last file", async () => {
    write(logs("old/a"), { hours: 3, bytes: 600 });
    write(logs("new/b"), { hours: 1, bytes: 600 });
    await pruneLogs(logs("."), limits, Date.now());
    expect(readdirSync(logs("."))).toEqual(["new"]);
  });

  it("that somebody writes to stay, and so does whatever begins with a point", async () => {
    write(logs("s1/exec-1.out"), { hours: 99 });
    write(logs("s1/exec-2.out"), { hours: 99 });
    write(logs(".nodes/node-1"), { hours: 99 });
    await pruneLogs(logs("."), limits, Date.now(), (name) => name.startsWith("exec-1"));
    expect(readdirSync(logs("s1"))).toEqual(["exec-1.out"]);
    expect(existsSync(logs(".nodes/node-1"))).toBe(true);
  });

  it("of a session that is gone leave a node while it runs, with its folder", async () => {
    const housekeeping = new Housekeeping(
      { home, clock: systemClock, logger: silentLogger, executors: () => [], withoutWarm: alone },
      { logAgeMs: hourMs, intervalMs: 10 },
    );
    housekeeping.start();
    try {
      write(logs("young/exec"));
      write(logs("gone/exec"), { hours: 2 });
      for (let n = 0; n < 205; n++)
        write(join(home.logs, "install", `app-${n}.log`), { hours: n + 1 });
      await waitFor("the old ones to be gone", () => !existsSync(logs("gone")));
      await waitFor("the install logs to be bounded", () => {
        return readdirSync(join(home.logs, "install")).length === 200;
      });
      expect(existsSync(join(home.logs, "install/app-0.log"))).toBe(true);
      expect(existsSync(logs("young/exec"))).toBe(true);
      for (let n = 0; n < 2_003; n++) write(join(home.listLocks, `app/${n}`), { hours: n + 1 });
      await waitFor("the locks to be bounded", () => {
        return readdirSync(join(home.listLocks, "app")).length === 2_000;
      });
      expect(existsSync(join(home.listLocks, "app/0"))).toBe(true);
    } finally {
      await housekeeping.close();
    }
  });
});

describe("uv's cache", () => {
  const cached = () => join(home.data, "cache/uv/archive-v0/wheel");

  it("goes when it is too large, but not while an executor runs", async () => {
    let executors = ["exec-1"];
    let looked = 0;
    const housekeeping = new Housekeeping(
      {
        home,
        clock: systemClock,
        logger: silentLogger,
        withoutWarm: alone,
        executors: () => {
          looked += 1;
          return executors;
        },
      },
      { logAgeMs: 0, uvCacheBytesMax: 1000, intervalMs: 10 },
    );
    write(cached(), { bytes: 2000 });
    housekeeping.start();
    try {
      await waitFor("some rounds", () => looked > 10);
      expect(existsSync(cached())).toBe(true);
      executors = [];
      await waitFor("the cache to be gone", () => !existsSync(join(home.data, "cache/uv")));
      await waitFor("nothing of it", () => readdirSync(join(home.data, "cache")).length === 0);
    } finally {
      await housekeeping.close();
    }
  });

  it("stays when an executor came while the services that wait for a session ended", async () => {
    let executors: string[] = [];
    let tries = 0;
    const withoutWarm = async (work: () => Promise<void>): Promise<void> => {
      executors = ["exec-1"];
      await work();
      tries += 1;
    };
    const housekeeping = new Housekeeping(
      { home, clock: systemClock, logger: silentLogger, executors: () => executors, withoutWarm },
      { logAgeMs: 0, uvCacheBytesMax: 1000, intervalMs: 10 },
    );
    write(cached(), { bytes: 2000 });
    housekeeping.start();
    try {
      await waitFor("a try", () => tries === 1);
    } finally {
      await housekeeping.close();
    }
    expect(existsSync(cached())).toBe(true);
  });

  it("stays within its bounds", async () => {
    write(cached(), { bytes: 2000 });
    const housekeeping = new Housekeeping(
      { home, clock: systemClock, logger: silentLogger, executors: () => [], withoutWarm: alone },
      { logAgeMs: 0 },
    );
    housekeeping.start();
    await housekeeping.close();
    expect(existsSync(cached())).toBe(true);
  });
});

describe("a disk that is full during a build", () => {
  const full = () =>
    Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  const limits = { packages: 10, bytes: 2 ** 40 };
  const shelve = () =>
    PackageShelf.open(home.packages, limits, { clock: systemClock, logger: silentLogger });
  const fill = (into: string): Promise<void> => {
    writeFileSync(join(into, "word"), "x");
    return Promise.resolve();
  };

  it("makes unused packages go, none that is in use, and the build is tried once more", async () => {
    const shelf = await shelve();
    (await shelf.take("unused", fill)).release();
    const used = await shelf.take("used", fill);
    let tries = 0;
    const taken = await shelf.take("new", async (into) => {
      if (++tries === 1) throw new Error("uv ended", { cause: full() });
      await fill(into);
    });
    expect(readdirSync(home.packages).sort()).toEqual(["new", "used"]);
    expect(tries).toBe(2);
    taken.release();
    used.release();
    await shelf.settled();
  });

  it("is told at once when there is nothing to make room with, or when it did not help", async () => {
    const shelf = await shelve();
    let tries = 0;
    const build = () => {
      tries += 1;
      return Promise.reject(full());
    };
    await expect(shelf.take("new", build)).rejects.toThrow("no space left");
    expect(tries).toBe(1);
    (await shelf.take("unused", fill)).release();
    await expect(shelf.take("new", build)).rejects.toThrow("no space left");
    expect(tries).toBe(3);
    await shelf.settled();
    expect(readdirSync(home.packages)).toEqual([]);
  });
});
