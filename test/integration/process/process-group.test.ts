import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { startGroupReaper } from "../../../src/process/group-reaper.ts";
import { GroupRecords } from "../../../src/process/leftovers.ts";
import { groupMembers } from "../../../src/process/process-facts.ts";
import { runCommand } from "../../../src/process/run-command.ts";
import { type ProcessGroup, spawnGroup } from "../../../src/process/spawn-group.ts";
import { waitFor } from "../../support/wait-for.ts";

const deaf = join(import.meta.dirname, "../../fixtures/services/ignores-term.mjs");

let folder: string;
const started: ProcessGroup[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "flame-process-"));
});

afterEach(async () => {
  for (const group of started.splice(0)) await group.terminate(0);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function start(
  command: string,
  args: string[],
  extra: { env?: Record<string, string>; logBytesMax?: number } = {},
): Promise<ProcessGroup> {
  const group = await spawnGroup({
    command,
    args,
    cwd: folder,
    env: { PATH: "/usr/bin:/bin", ...extra.env },
    logs: { stdoutFile: join(folder, "out"), stderrFile: join(folder, "err") },
    ...(extra.logBytesMax === undefined ? {} : { logBytesMax: extra.logBytesMax }),
  });
  started.push(group);
  return group;
}

describe("a process group", () => {
  test("sees exactly the environment it was given", async () => {
    const group = await start("/bin/sh", ["-c", "env"], { env: { MARK: "1" } });
    await group.exited;
    const output = await waitFor("the output", async () => {
      const text = await readFile(join(folder, "out"), "utf8");
      return text.includes("MARK=1\n") && text;
    });
    const seen = output.split("\n");
    expect(seen).toContain("MARK=1");
    expect(seen.some((line) => line.startsWith("NODE_") || line.startsWith("HOME="))).toBe(false);
  });

  test("tells exit code, signal and the last lines of stderr", async () => {
    const failing = await start("/bin/sh", ["-c", "echo why >&2; exit 3"]);
    expect(await failing.exited).toEqual({ code: 3, signal: null });
    expect(await failing.stderrTail()).toBe("why");
    const killed = await start("/bin/sh", ["-c", "kill -SEGV $$"]);
    expect(await killed.exited).toEqual({ code: null, signal: "SIGSEGV" });
  });

  test("that cannot be started is refused with program, directory and reason", async () => {
    await expect(start("no-such-program", [])).rejects.toThrow(
      /cannot start "no-such-program" in ".*": no such program/,
    );
  });

  test("whose members all ignore TERM is gone after the grace", async () => {
    const group = await start(process.execPath, [deaf]);
    await waitFor("both members", () => groupMembers(group.pid).length === 2);
    await waitFor("the handler", async () => (await group.stderrTail(0)).includes("deaf"));
    await group.terminate(100);
    expect(groupMembers(group.pid)).toEqual([]);
    expect(await group.exited).toEqual({ code: null, signal: "SIGKILL" });
  });

  test("keeps its output bounded", async () => {
    const group = await start("/bin/sh", ["-c", "yes 0123456789 | head -c 1000000"], {
      logBytesMax: 100_000,
    });
    await group.exited;
    const sizes = await waitFor("both files of the log", () =>
      Promise.all(["out", "out.1"].map(async (name) => (await stat(join(folder, name))).size)),
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(200_000);
  });

  test("dies with the reaper's owner, members included", async () => {
    const reaper = startGroupReaper();
    const [watched, forgotten] = [
      await start(process.execPath, [deaf]),
      await start("/bin/sleep", ["60"]),
    ];
    await waitFor("both members", () => groupMembers(watched.pid).length === 2);
    reaper.watch(watched.pid);
    reaper.watch(forgotten.pid);
    reaper.forget(forgotten.pid);
    await reaper.close();
    await waitFor("the group to be gone", () => groupMembers(watched.pid).length === 0);
    expect(groupMembers(forgotten.pid)).toHaveLength(1);
  });

  test("left over from an earlier manager is killed, and nobody else is", async () => {
    const mark = `MARK=${folder}`;
    const [left, leaderless, other] = [
      await start("/bin/sleep", ["60"]),
      await start("/bin/sh", ["-c", "sleep 60 & exit 0"], { env: { MARK: folder } }),
      await start("/bin/sleep", ["60"]),
    ];
    await leaderless.exited;
    const records = new GroupRecords(join(folder, "records"));
    const file = join(folder, "left.sock");
    await writeFile(file, "");
    await records.add("left", { pid: left.pid, startTime: left.startTime, mark, file });
    await records.add("leaderless", { pid: leaderless.pid, startTime: leaderless.startTime, mark });
    const unseen = await start("/bin/sleep", ["60"], { env: { UNSEEN: folder } });
    await records.announce("unseen", { mark: `UNSEEN=${folder}` });
    await records.add("other", { pid: other.pid, startTime: other.startTime + 1, mark });
    expect((await records.killLeftovers()).sort()).toEqual([left.pid, leaderless.pid].sort());
    await waitFor(
      "both to be gone",
      () => groupMembers(leaderless.pid).length + groupMembers(left.pid).length === 0,
    );
    await waitFor("what was only announced", () => groupMembers(unseen.pid).length === 0);
    expect(groupMembers(other.pid)).toHaveLength(1);
    await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await records.killLeftovers()).toEqual([]);
  });
});

describe("a command run to its end", () => {
  const run = (script: string, timeoutMs: number, signal?: AbortSignal) =>
    runCommand({
      command: "/bin/sh",
      args: ["-c", script],
      cwd: folder,
      env: { PATH: "/usr/bin:/bin" },
      logFile: join(folder, "log"),
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });

  test("appends its output to the log and tells how it ended", async () => {
    expect(await run("echo one; exit 4", 5000)).toEqual({ code: 4, signal: null });
    await run("echo two >&2", 5000);
    expect(await readFile(join(folder, "log"), "utf8")).toBe("one\ntwo\n");
  });

  test("is killed past its time or when it is no longer wanted", async () => {
    await expect(run("sleep 60", 50)).rejects.toThrow("took longer than 50 ms");
    await expect(run("sleep 60", 60_000, AbortSignal.abort())).rejects.toThrow("was stopped");
  });
});
