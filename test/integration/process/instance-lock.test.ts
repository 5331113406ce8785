import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { acquireInstanceLock, findInstance } from "../../../src/process/instance-lock.ts";

const name = "flame-executor-manager";
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "flame-lock-"));
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

describe("the instance lock of a daemon", () => {
  test("tells others who runs and where it serves, until it is released", async () => {
    const lock = await acquireInstanceLock({ home, name, version: "1.2.3" });
    await lock.publish("http://127.0.0.1:8080");
    expect(await findInstance(home, name)).toMatchObject({
      pid: process.pid,
      endpoint: "http://127.0.0.1:8080",
      version: "1.2.3",
    });
    await lock.release();
    await lock.release();
    expect(await readdir(join(home, "run"))).toEqual([]);
  });

  test("refuses a second instance with the holder's process and what to do", async () => {
    const lock = await acquireInstanceLock({ home, name });
    await lock.publish("http://127.0.0.1:8080");
    await expect(acquireInstanceLock({ home, name })).rejects.toThrow(
      new RegExp(
        `already runs in .*process ${process.pid} holds .*serves http://127.0.0.1:8080; stop it first`,
      ),
    );
    await lock.release();
  });

  test("takes away what others left that were killed in the middle of their start", async () => {
    await (await acquireInstanceLock({ home, name })).release();
    const path = join(home, "run", `${name}.json`);
    const gone = '{"pid":999999999,"startTime":1}';
    for (const left of ["999999999.claim", "999999999.tmp", "takeover"])
      await writeFile(`${path}.${left}`, gone);
    const other = `${path}.${process.ppid}.claim`;
    await writeFile(other, "of a process that runs");
    const lock = await acquireInstanceLock({ home, name });
    expect((await readdir(join(home, "run"))).sort()).toEqual([
      `${name}.json`,
      `${name}.json.${process.ppid}.claim`,
    ]);
    await lock.release();
  });

  test("is taken over from a process that is gone, from a later owner of its pid and from rubbish", async () => {
    const sleeper = spawn("/bin/sleep", ["60"], { stdio: "ignore" });
    const pid = sleeper.pid ?? 0;
    const path = join(home, "run", `${name}.json`);
    await (await acquireInstanceLock({ home, name })).release();
    for (const content of [
      `{"pid":${pid},"startTime":1}`,
      '{"pid":999999999,"startTime":1}',
      "rubbish",
    ]) {
      await writeFile(path, content);
      const lock = await acquireInstanceLock({ home, name });
      expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
      await lock.release();
    }
    sleeper.kill("SIGKILL");
  });

  test("goes to exactly one of many that start at once over a stale file", async () => {
    await (await acquireInstanceLock({ home, name })).release();
    await writeFile(join(home, "run", `${name}.json`), '{"pid":999999999,"startTime":1}');
    const children = Array.from({ length: 8 }, () =>
      spawn("/bin/sleep", ["60"], { stdio: "ignore" }),
    );
    const tries = await Promise.allSettled(
      children.map((child) => acquireInstanceLock({ home, name, pid: child.pid ?? 0 })),
    );
    for (const child of children) child.kill("SIGKILL");
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});
