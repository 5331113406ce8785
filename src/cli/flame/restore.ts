import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "@commander-js/extra-typings";
import { type ClusterConfig } from "../../config/cluster-config.ts";
import { type FlameHome, flameHome } from "../../config/flame-home.ts";
import { loadClusterConfig } from "../../config/load-cluster-config.ts";
import { Releasers } from "../../kit/releasers.ts";
import { FlameError } from "../../model/errors.ts";
import { findInstance } from "../../process/instance-lock.ts";
import { targetName } from "../backup-target.ts";
import type { FlameContext } from "./context.ts";
import { daemonNames } from "./daemons.ts";
import { type AboutBackup, backupNames, placesOf, readAboutBackup } from "./home-data.ts";
import { supervisorName } from "./local-cluster.ts";
import { addEntries, replaceEntries } from "./replace-entries.ts";

/** Adds `flame restore`. */
export function addRestore(program: Command, context: FlameContext): void {
  program
    .command("restore")
    .description(
      "Put a backup in the place of what this home keeps, which is kept beside it; refused while a daemon runs here.",
    )
    .argument(
      "<backup>",
      "a database that flmctl backup wrote, or a folder that flame backup wrote",
      targetName,
    )
    .option("--config <file>", "the flame-cluster.yaml that the daemons read")
    .addHelpText(
      "after",
      "\nExamples:\n  flame restore flame-2026-11-22.db\n  flame restore flame-2026-11-22",
    )
    .action(async (backup, { config }) => {
      await runRestore(context, resolve(backup), config);
    });
}

async function runRestore(
  context: FlameContext,
  backup: string,
  configFile: string | undefined,
): Promise<void> {
  const home = flameHome(context.env);
  await refuseRunning(home.root);
  const about = readAboutBackup(backup);
  const config = loadClusterConfig({ path: configFile ?? confOf(backup, about), env: context.env });
  const releasers = new Releasers();
  try {
    const restore = { context, home, config, stamp: stampOf(context), releasers };
    if (about === undefined) await restoreDatabase(restore, backup);
    else await restoreAll(restore, backup, about);
  } finally {
    await releasers.close();
  }
  context.terminal.out("Start the daemons again: flame up\n");
}

interface Restore {
  readonly context: FlameContext;
  readonly home: FlameHome;
  readonly config: ClusterConfig;
  readonly stamp: string;
  readonly releasers: Releasers;
}

/** Locked and checked: what is left to do is to put it in place, and to say so. */
type Commit = () => Promise<void>;

async function restoreDatabase(restore: Restore, file: string): Promise<void> {
  await (await prepareDatabase(restore, file))();
}

async function prepareDatabase(
  { context, home, config, stamp, releasers }: Restore,
  from: string,
): Promise<Commit> {
  const { database: to } = placesOf(home, config);
  if (to === undefined) {
    throw new FlameError(
      "invalid_config",
      `cluster.storage is none: there is no database to restore ${from} to (read: ${config.source})`,
    );
  }
  const prepared = await context.data.prepareDatabase({ from, to, stamp, home: home.root });
  releasers.add("the database", () => prepared.close());
  return async () => {
    const kept = await prepared.commit();
    say(context, `Database ${to} restored from ${from}`, kept);
  };
}

async function restoreAll(restore: Restore, backup: string, about: AboutBackup): Promise<void> {
  const { context, home, config, stamp, releasers } = restore;
  const places = placesOf(home, config);
  const commits: Commit[] = [];
  for (const part of about.parts) refuseMissing(backup, part);
  if (about.parts.includes("objects")) {
    const { objects } = places;
    if (objects === undefined) {
      throw new FlameError(
        "invalid_config",
        `cache.storage is none: there is no folder to restore the objects to (read: ${config.source})`,
      );
    }
    const lock = context.data.lockObjects(objects, home.root);
    releasers.add("the folder of objects", () => lock.release());
    commits.push(() =>
      replace(restore, "Objects", objects, join(backup, backupNames.objects), [
        ...context.data.objectLockFiles,
      ]),
    );
  }
  if (about.parts.includes("packages")) {
    commits.push(async () => {
      const from = join(backup, backupNames.packages);
      const added = await addEntries(home.packages, from, stamp);
      context.terminal.out(`Packages added to ${home.packages}: ${added}\n`);
    });
  }
  if (about.parts.includes("conf")) {
    commits.push(() =>
      replace(restore, "Configuration", home.conf, join(backup, backupNames.conf), []),
    );
  }
  if (about.parts.includes("database")) {
    // Last, when all it may refer to is there.
    commits.push(await prepareDatabase(restore, join(backup, backupNames.database)));
  }
  for (const commit of commits) await commit();
}

async function replace(
  { context, stamp }: Restore,
  what: string,
  folder: string,
  from: string,
  stays: readonly string[],
): Promise<void> {
  say(
    context,
    `${what} ${folder} restored from ${from}`,
    await replaceEntries(folder, from, stamp, stays),
  );
}

function say({ terminal }: FlameContext, done: string, kept: string | undefined): void {
  terminal.out(`${done}${kept === undefined ? "" : `; what was there is kept: ${kept}`}\n`);
}

function refuseMissing(backup: string, part: AboutBackup["parts"][number]): void {
  const name = backupNames[part];
  if (typeof name === "string" && existsSync(join(backup, name))) return;
  throw new FlameError(
    "invalid_argument",
    `the backup ${backup} has lost its ${part}: ${join(backup, backupNames.about)} says that it is in it; nothing was changed`,
  );
}

/** The configuration that comes with the backup says where the other parts belong. */
function confOf(backup: string, about: AboutBackup | undefined): string | undefined {
  if (about === undefined) return undefined;
  const file = join(backup, backupNames.conf, "flame-cluster.yaml");
  return existsSync(file) ? file : undefined;
}

async function refuseRunning(home: string): Promise<void> {
  const running: string[] = [];
  const pids: number[] = [];
  for (const name of [supervisorName, ...daemonNames]) {
    const instance = await findInstance(home, name);
    if (instance === undefined) continue;
    running.push(`${name === supervisorName ? "flame up" : name} (process ${instance.pid})`);
    pids.push(instance.pid);
  }
  if (pids.length === 0) return;
  throw new FlameError(
    "invalid_state",
    `in "${home}" there runs ${running.join(", ")}: stop it first (flame down, or kill ${pids.join(" ")})`,
  );
}

/** `20261122T101500Z`: sorts by time, and names files. */
function stampOf({ clock }: FlameContext): string {
  return new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, "");
}
