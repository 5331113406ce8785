import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterConfig } from "../../config/cluster-config.ts";
import type { FlameHome } from "../../config/flame-home.ts";
import { codeOf, textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";

/** Something that is held until it is given back. */
export interface Held {
  release(): void;
}

/** A database that was found whole, beside the one whose place it can take. */
export interface PreparedDatabase {
  /** Puts it in place. @returns where the database is kept that was there; undefined when none was. */
  commit(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** What the rooms of the daemons know about their data, for work on it while they do not run. */
export interface HomeData {
  /** A consistent copy, also while a session manager uses the database. */
  copyDatabase(from: string, to: string): Promise<void>;
  /** Checks a copy of `from` beside `to` and locks `to`. */
  prepareDatabase(options: {
    readonly from: string;
    readonly to: string;
    readonly stamp: string;
    readonly home: string;
  }): Promise<PreparedDatabase>;
  /** Keeps object caches out of a folder. */
  lockObjects(folder: string, home: string): Held;
  /** Names in a folder of objects that belong to whoever uses it. */
  readonly objectLockFiles: readonly string[];
}

/** Names within a backup of `flame backup`. */
export const backupNames = {
  /** What it is, written last. */
  about: "backup.json",
  database: "flame.db",
  objects: "objects",
  conf: "conf",
  packages: "packages",
} as const;

/** Changes when a backup could no longer be read by earlier versions. */
export const backupFormat = 1;

/** `backup.json`. */
export interface AboutBackup {
  readonly format: number;
  /** Of the program that wrote it. */
  readonly version: string;
  /** RFC 3339. */
  readonly created: string;
  readonly home: string;
  /** The parts that are in it. */
  readonly parts: readonly BackupPart[];
}

export type BackupPart = Exclude<keyof typeof backupNames, "about">;

/**
 * What a folder says about itself; undefined when it is no backup.
 * @throws FlameError invalid_argument when it is one that this version cannot read.
 */
export function readAboutBackup(folder: string): AboutBackup | undefined {
  const file = join(folder, backupNames.about);
  let about: Partial<AboutBackup>;
  try {
    about = JSON.parse(readFileSync(file, "utf8")) as Partial<AboutBackup>;
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT" || codeOf(thrown) === "ENOTDIR") return undefined;
    throw new FlameError("invalid_argument", `${file} cannot be read: ${textOf(thrown)}`, {
      cause: thrown,
    });
  }
  if (about.format === backupFormat && Array.isArray(about.parts)) return about as AboutBackup;
  throw new FlameError(
    "invalid_argument",
    `${file}: got the format ${JSON.stringify(about.format)}, expected ${backupFormat}: another version of Flame ` +
      `(${about.version ?? "unknown"}) wrote it; restore it with that one`,
  );
}

/** Where the parts of a home stand; undefined for what is kept in memory. */
export function placesOf(
  home: FlameHome,
  { cluster, cache }: ClusterConfig,
): Readonly<Record<BackupPart, string | undefined>> {
  return {
    database: cluster.storage.kind === "sqlite" ? cluster.storage.file : undefined,
    objects: cache.storage.kind === "disk" ? cache.storage.dir : undefined,
    conf: home.conf,
    packages: home.packages,
  };
}
