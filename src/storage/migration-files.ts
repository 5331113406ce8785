import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FlameError } from "../model/errors.ts";

const MIGRATION_FILE = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** A file that brings a database to the schema of its number. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** All of a folder, ascending. */
export function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const match = MIGRATION_FILE.exec(name);
      if (match === null) return [];
      return [{ version: Number(match[1]), name, sql: readFileSync(join(folder, name), "utf8") }];
    });
}

/**
 * Those that are still to be applied.
 * @param place of the database, for the error's text
 * @throws FlameError invalid_config when the database was written by a newer version of the product
 */
export function pendingMigrations(
  known: readonly Migration[],
  applied: ReadonlySet<number>,
  place: string,
): Migration[] {
  const newest = known.at(-1)?.version ?? 0;
  const latest = Math.max(0, ...applied);
  if (latest > newest) {
    throw new FlameError(
      "invalid_config",
      `database ${place} has schema version ${latest}, this program knows versions up to ${newest}: ` +
        "it was written by a newer Flame; start that version, or name another cluster.storage",
    );
  }
  return known.filter(({ version }) => !applied.has(version));
}
