import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { randomId } from "../../../src/kit/ids.ts";
import { type Cgroup, makeCgroup } from "../../../src/process/cgroup.ts";
import { startGroupReaper } from "../../../src/process/group-reaper.ts";
import { GroupRecords } from "../../../src/process/leftovers.ts";
import { processFacts } from "../../../src/process/process-facts.ts";
import { type ProcessGroup, spawnGroup } from "../../../src/process/spawn-group.ts";
import { waitFor } from "../../support/wait-for.ts";

const probe = makeCgroup(`probe-${randomId()}`);
await probe?.end();
// Where nobody may make control groups there is nothing to test: services end as process groups, and by their mark.
if (probe === undefined)
  process.stderr.write("cgroup.test.ts: skipped, no control group can be made here\n");
const whereCgroupsAre = probe === undefined ? describe.skip : describe;

whereCgroupsAre("a control group", () => {
  let folder: string;
  let cgroup: Cgroup;
  let group: ProcessGroup;
  /** In a session of its own, without a variable of its parent, and its parent is gone. */
  let stray: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "flame-cgroup-"));
    const made = makeCgroup(`test-${randomId()}`);
    if (made === undefined) throw new Error("a control group could be made a moment ago");
    cgroup = made;
    const script = `setsid env -i /bin/sh -c 'echo $$ > ${folder}/pid; exec sleep 1000' >/dev/null 2>&1 &\nexec sleep 1000`;
    group = await spawnGroup({
      command: "/bin/sh",
      args: ["-c", script],
      cwd: folder,
      env: { PATH: "/usr/bin:/bin", MARK: folder },
      logs: { stdoutFile: join(folder, "out"), stderrFile: join(folder, "err") },
      cgroup,
    });
    const pid = await waitFor("the stray", async () => {
      const text = await readFile(join(folder, "pid"), "utf8").catch(() => "");
      return text.endsWith("\n") && text;
    });
    stray = Number(pid);
  });

  afterEach(async () => {
    await group.terminate(0);
    await cgroup.end();
    await rm(folder, { recursive: true, force: true });
  });

  const gone = (): boolean => ["Z", "X", undefined].includes(processFacts(stray)?.state);

  test("ends what has left the process group, its session and its environment, and is removed", async () => {
    await group.terminate(5_000);
    expect(gone()).toBe(false);
    expect(await cgroup.end()).toEqual([stray]);
    expect(gone()).toBe(true);
    expect(existsSync(cgroup.folder)).toBe(false);
  });

  test("never holds the process that made it", () => {
    const members = readFileSync(join(cgroup.folder, "cgroup.procs"), "utf8").split("\n");
    expect(members).toContain(String(group.pid));
    expect(members).not.toContain(String(process.pid));
  });

  test("that an earlier manager left behind is ended with its record", async () => {
    const records = new GroupRecords(join(folder, "records"));
    const { pid, startTime } = group;
    const mark = `MARK=${folder}`;
    await records.add("left", { pid, startTime, mark, cgroup: cgroup.folder });
    expect(await records.killLeftovers()).toEqual([pid]);
    expect(gone()).toBe(true);
    expect(existsSync(cgroup.folder)).toBe(false);
  });

  test("ends with the process that watched over it", async () => {
    const reaper = startGroupReaper();
    reaper.watch(group.pid, cgroup.folder);
    await reaper.close();
    expect(await waitFor("the end of the stray", gone)).toBe(true);
  });

  test("that was forgotten is left alone", async () => {
    const reaper = startGroupReaper();
    reaper.watch(group.pid, cgroup.folder);
    reaper.forget(group.pid);
    await reaper.close();
    expect(gone()).toBe(false);
  });
});
