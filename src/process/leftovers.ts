import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endCgroup } from "./cgroup.ts";
import { groupMembers, hasEnvironmentEntry } from "./process-facts.ts";
import { signalGroup } from "./signal-group.ts";
import { killStrays } from "./strays.ts";

/** What is known of a group before it runs. */
export interface GroupPlan {
  /** `NAME=value` that every member has in its environment and no other process has. */
  readonly mark: string;
  /** Removed with the group, such as its sockets. */
  readonly files?: readonly string[];
  /** The one file, in records of 0.7.0. */
  readonly file?: string;
  /** The folder of its control group, whose members end with it. */
  readonly cgroup?: string;
}

/** What is written down about a running group, so that a later manager can end it. */
export interface GroupRecord extends GroupPlan {
  readonly pid: number;
  /** Clock ticks after boot of the leader. */
  readonly startTime: number;
}

/** A folder of records, one file per running group. */
export class GroupRecords {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes down what is about to be started: a kill between the start and {@link add} would hide it from everybody. */
  async announce(key: string, plan: GroupPlan): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await writeFile(this.#path(key, "starting"), `${JSON.stringify(plan)}\n`);
  }

  /** Writes a group down; `key` is file-name safe. */
  async add(key: string, record: GroupRecord): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const temporary = this.#path(key, "tmp");
    await writeFile(temporary, `${JSON.stringify(record)}\n`);
    await rename(temporary, this.#path(key, "json"));
    await rm(this.#path(key, "starting"), { force: true });
  }

  /** Forgets a group that has ended. */
  async remove(key: string): Promise<void> {
    await rm(this.#path(key, "starting"), { force: true });
    await rm(this.#path(key, "json"), { force: true });
  }

  /**
   * Kills what an earlier manager left running, removes its files and empties the folder.
   * @returns the ids of the groups that were killed.
   */
  async killLeftovers(): Promise<number[]> {
    const killed: number[] = [];
    for (const name of await entries(this.#folder)) {
      const path = join(this.#folder, name);
      const record = /\.(json|starting)$/.test(name) ? await read(path) : undefined;
      if (record !== undefined && isRunning(record) && stillRuns(record)) {
        signalGroup(record.pid, "SIGKILL");
        killed.push(record.pid);
      }
      if (record !== undefined) await killStrays(record.mark);
      if (record?.cgroup !== undefined) await endCgroup(record.cgroup);
      for (const file of filesOf(record)) await rm(file, { force: true });
      await rm(path, { force: true });
    }
    return killed;
  }

  #path(key: string, extension: string): string {
    return join(this.#folder, `${key}.${extension}`);
  }
}

// The id alone proves nothing: it may belong to somebody else by now. The leader's start time does, and when the
// leader has ended, the mark in the environment of a member.
function stillRuns(record: GroupRecord): boolean {
  return groupMembers(record.pid).some(
    (member) =>
      (member.pid === record.pid && member.startTime === record.startTime) ||
      hasEnvironmentEntry(member.pid, record.mark),
  );
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

async function read(path: string): Promise<GroupPlan | GroupRecord | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
    return isPlan(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function filesOf(plan: GroupPlan | undefined): readonly string[] {
  const { files = [], file } = plan ?? {};
  return file === undefined ? files : [...files, file];
}

function isPlan(value: unknown): value is GroupPlan {
  return (
    typeof value === "object" &&
    value !== null &&
    "mark" in value &&
    typeof value.mark === "string" &&
    (!("file" in value) || typeof value.file === "string") &&
    (!("files" in value) || isTexts(value.files)) &&
    (!("cgroup" in value) || typeof value.cgroup === "string")
  );
}

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

function isRunning(plan: GroupPlan): plan is GroupRecord {
  return (
    "pid" in plan &&
    typeof plan.pid === "number" &&
    plan.pid > 1 &&
    "startTime" in plan &&
    typeof plan.startTime === "number"
  );
}
