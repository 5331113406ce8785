import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { PidNamespaces } from "../../../src/process/pid-namespace.ts";
import { type ProcessGroup, spawnGroup } from "../../../src/process/spawn-group.ts";
import { processesWith } from "../../support/processes.ts";
import { waitFor } from "../../support/wait-for.ts";

const found = await PidNamespaces.find();
// Only root may make them, and not in every container.
if (found === undefined)
  process.stderr.write("pid-namespace.test.ts: skipped, no namespace of process ids can be made\n");
const whereTheyAre = found === undefined ? describe.skip : describe;

whereTheyAre("a namespace of process ids", () => {
  let folder: string;
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", MARK: "x" };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "flame-namespace-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const start = (command: string, ...args: string[]): Promise<ProcessGroup> => {
    if (found === undefined) throw new Error("it was found a moment ago");
    return spawnGroup({
      ...found.around({ command, args }, env),
      exitCodesOfShell: true,
      cwd: folder,
      env,
      logs: { stdoutFile: join(folder, "out"), stderrFile: join(folder, "err") },
    });
  };
  const out = async (): Promise<string> => {
    const text = await readFile(join(folder, "out"), "utf8").catch(() => "");
    return text.trim();
  };
  const err = (): Promise<string> => readFile(join(folder, "err"), "utf8");
  /** Processes that sleep as long as only a process of this test does. */
  const sleepers = (seconds: string): number[] =>
    processesWith("cmdline", `sleep\0${seconds}\0`).filter((pid) => pid !== process.pid);
  const seconds = String(100_000 + process.pid);
  const leaving = `setsid env -i sleep ${seconds} >/dev/null 2>&1 &\necho started\nexec sleep 1000`;

  test("ends what has left the process group, its session and its environment", async () => {
    const group = await start("/bin/sh", "-c", leaving);
    await waitFor("the stray", () => sleepers(seconds).length === 1);
    await group.terminate(5_000);
    await waitFor("its end", () => sleepers(seconds).length === 0);
    expect(await group.exited).toEqual({ code: null, signal: "SIGTERM" });
  });

  test("ends with the process that started it", async () => {
    const group = await start("/bin/sh", "-c", leaving);
    await waitFor("the stray", () => sleepers(seconds).length === 1);
    // As the group reaper does.
    process.kill(-group.pid, "SIGKILL");
    await group.exited;
    expect(await waitFor("its end", () => sleepers(seconds).length === 0)).toBe(true);
  });

  test("lets TERM through to the program, which may end in its own time", async () => {
    const script = "trap 'echo told; exit 7' TERM\necho ready\nwhile :; do sleep 0.05; done";
    const group = await start("/bin/sh", "-c", script);
    await waitFor("the program", async () => (await out()) === "ready");
    await group.terminate(5_000);
    expect(await group.exited).toEqual({ code: 7, signal: null });
    expect(await out()).toBe("ready\ntold");
  });

  test("tells how the program ended, however soon after TERM that is", async () => {
    const script = "trap 'exit 7' TERM\necho ready\nwhile :; do sleep 0.002; done";
    for (let round = 0; round < 60; round++) {
      const group = await start("/bin/sh", "-c", script);
      await waitFor("the program", async () => (await out()) === "ready", { intervalMs: 2 });
      await group.terminate(5_000);
      expect(await group.exited).toEqual({ code: 7, signal: null });
      await rm(join(folder, "out"));
    }
  });

  test("gives the program nothing of the shell: its environment, its signals and its stderr", async () => {
    const script =
      "env; grep SigIgn /proc/self/status; echo pid $$; echo last words >&2; kill -9 $$";
    const group = await start("/bin/sh", "-c", script);
    expect(await group.exited).toEqual({ code: null, signal: "SIGKILL" });
    const [pid, ...lines] = (await out()).split("\n").reverse();
    expect(pid).toMatch(/^pid \d{1,2}$/);
    // PWD is of the shell under test.
    expect(lines.filter((line) => !line.startsWith("PWD=")).sort()).toEqual([
      "MARK=x",
      `PATH=${env.PATH}`,
      "SigIgn:\t0000000000000000",
    ]);
    expect(await err()).toBe("last words\n");
  });
});
