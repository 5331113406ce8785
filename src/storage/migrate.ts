import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import { FlameError } from "../model/errors.ts";

const MIGRATION_FILE = /^(\d{4})_[a-z0-9_]+\.sql$/;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/**
 * Brings the database to the newest schema: each file of `folder` in one transaction, its row first.
 * @returns names of the files that were applied.
 * @throws FlameError invalid_config when the database was written by a newer version of the product.
 */
export function migrate(database: Database, folder: string, file: string, now: number): string[] {
  database.exec(
    "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
  );
  const known = readMigrations(folder);
  const applied = new Set(
    database
      .prepare<[], { version: number }>("SELECT version FROM schema_migrations")
      .all()
      .map((row) => row.version),
  );
  const newest = known.at(-1)?.version ?? 0;
  const foreign = [...applied].filter((version) => version > newest);
  if (foreign.length > 0) {
    throw new FlameError(
      "invalid_config",
      `database ${file} has schema version ${Math.max(...foreign)}, this program knows versions up to ${newest}: ` +
        "it was written by a newer Flame; start that version, or name another cluster.storage",
    );
  }
  const record = database.prepare(
    "INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)",
  );
  const pending = known.filter((migration) => !applied.has(migration.version));
  for (const migration of pending) {
    database.transaction(() => {
      // The row first: a racing process fails here, before it touches a table.
      record.run(migration.version, migration.name, now);
      database.exec(migration.sql);
    })();
  }
  return pending.map((migration) => migration.name);
}

function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const match = MIGRATION_FILE.exec(name);
      if (match === null) return [];
      return [{ version: Number(match[1]), name, sql: readFileSync(join(folder, name), "utf8") }];
    });
}
