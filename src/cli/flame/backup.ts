import { existsSync } from "node:fs";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { Command } from "@commander-js/extra-typings";
import { type ClusterConfig } from "../../config/cluster-config.ts";
import { BUILT_IN_DEFAULTS } from "../../config/config-file.ts";
import { type FlameHome, flameHome } from "../../config/flame-home.ts";
import { loadClusterConfig } from "../../config/load-cluster-config.ts";
import { copyTree } from "../../files/copy-tree.ts";
import { renameDurably } from "../../files/durable.ts";
import { randomId } from "../../kit/ids.ts";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { refuseTakenFolder, targetName } from "../backup-target.ts";
import { version } from "../version.ts";
import type { FlameContext } from "./context.ts";
import { copyLogs } from "./copy-logs.ts";
import {
  type AboutBackup,
  type BackupPart,
  backupFormat,
  backupNames,
  placesOf,
} from "./home-data.ts";
import { isOfRestore } from "./replace-entries.ts";

/** In a folder of objects the small ones (docs/object-cache.md, section 6). */
const LOGS = "small";

/** Adds `flame backup`. */
export function addBackup(program: Command, context: FlameContext): void {
  program
    .command("backup")
    .description(
      "Copy what this home keeps (database, objects, conf, installed packages) into a new folder; its daemons may run.",
    )
    .argument("<folder>", "where to write it; must not be there yet", targetName)
    .option("--config <file>", "the flame-cluster.yaml that the daemons read")
    .addHelpText(
      "after",
      "\nTo restore it: flame restore FOLDER, while no daemon runs in the home.\n" +
        "\nExample:\n  flame backup flame-2026-11-22",
    )
    .action(async (folder, { config }) => {
      await runBackup(context, resolve(folder), config);
    });
}

async function runBackup(
  context: FlameContext,
  target: string,
  configFile: string | undefined,
): Promise<void> {
  const home = flameHome(context.env);
  const config = loadClusterConfig({ path: configFile, env: context.env });
  await refuseTakenFolder(target);
  const part = `${target}.${randomId()}.part`;
  try {
    await mkdir(part, { mode: 0o700 });
    const written = await copyParts(context, part, home, config);
    const about: AboutBackup = {
      format: backupFormat,
      version,
      created: new Date(context.clock.now()).toISOString(),
      home: home.root,
      parts: written.map(({ name }) => name),
    };
    await writeFile(join(part, backupNames.about), `${JSON.stringify(about, undefined, 2)}\n`);
    await renameDurably(part, target);
    context.terminal.out(`Backup of ${home.root} written to ${target}:\n`);
    for (const { name, said } of written) context.terminal.out(`  ${name}: ${said}\n`);
    for (const missing of notIn(home, config)) context.terminal.out(`Not in it: ${missing}\n`);
  } catch (thrown) {
    await rm(part, { recursive: true, force: true });
    if (thrown instanceof FlameError) throw thrown;
    throw new FlameError(
      "invalid_argument",
      `cannot write the backup to ${target}: ${textOf(thrown)}`,
      { cause: thrown },
    );
  }
}

interface WrittenPart {
  readonly name: BackupPart;
  readonly said: string;
}

async function copyParts(
  { data }: FlameContext,
  into: string,
  home: FlameHome,
  config: ClusterConfig,
): Promise<WrittenPart[]> {
  const places = placesOf(home, config);
  const written: WrittenPart[] = [];
  // The database first: what it refers to is then in the copy of the objects, which is younger.
  if (places.database !== undefined && existsSync(places.database)) {
    const file = join(into, backupNames.database);
    await data.copyDatabase(places.database, file);
    written.push({ name: "database", said: `${(await stat(file)).size} bytes` });
  }
  const skipped: Readonly<Record<Exclude<BackupPart, "database">, (name: string) => boolean>> = {
    objects: (name) =>
      name === "tmp" || name === LOGS || data.objectLockFiles.includes(name) || isOfRestore(name),
    conf: isOfRestore,
    // What is being built is whole when it has its name.
    packages: (name) => name.startsWith(".building-"),
  };
  for (const name of ["objects", "conf", "packages"] as const) {
    const place = places[name];
    if (place === undefined || !existsSync(place)) continue;
    const copy = join(into, backupNames[name]);
    const copied = [await copyTree(place, copy, skipped[name])];
    if (name === "objects") copied.push(await copyLogs(join(place, LOGS), join(copy, LOGS)));
    const sum = (of: "files" | "bytes"): number => copied.reduce((all, one) => all + one[of], 0);
    written.push({ name, said: `${sum("files")} files, ${sum("bytes")} bytes` });
  }
  return written;
}

/** What somebody could think to be in the backup. */
function notIn(home: FlameHome, { source, cluster, cache }: ClusterConfig): string[] {
  const named = [
    ["the configuration", source === BUILT_IN_DEFAULTS ? undefined : source],
    ["cluster.tls", cluster.tls?.certFile],
    ["cluster.tls", cluster.tls?.keyFile],
    ["cluster.tls", cluster.tls?.caFile],
    ["cache.tls", cache.tls?.certFile],
    ["cache.tls", cache.tls?.keyFile],
    ["cache.tls", cache.tls?.caFile],
    ["cluster.security.token_file", cluster.security.tokenFile],
    ...cluster.plugins.map(({ name }) => [
      "cluster.plugins",
      name.startsWith("/") ? name : undefined,
    ]),
  ] as const;
  const elsewhere = named.flatMap(([key, file]) =>
    file === undefined || !relative(home.conf, file).startsWith("..") ? [] : [`${file} (${key})`],
  );
  const inMemory = [
    ...(cluster.storage.kind === "memory" ? ["the database (cluster.storage is none)"] : []),
    ...(cache.storage.kind === "memory" ? ["objects (cache.storage is none)"] : []),
  ];
  return [...inMemory, ...new Set(elsewhere)];
}
