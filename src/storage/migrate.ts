import type { Database } from "better-sqlite3";
import { pendingMigrations, readMigrations } from "./migration-files.ts";

/**
 * Brings the database to the newest schema: each file of `folder` in one transaction, its row first.
 * @returns names of the files that were applied.
 * @throws FlameError invalid_config when the database was written by a newer version of the product.
 */
export function migrate(database: Database, folder: string, file: string, now: number): string[] {
  database.exec(
    "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
  );
  const applied = new Set(
    database
      .prepare<[], { version: number }>("SELECT version FROM schema_migrations")
      .all()
      .map((row) => row.version),
  );
  const pending = pendingMigrations(readMigrations(folder), applied, file);
  const record = database.prepare(
    "INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)",
  );
  for (const migration of pending) {
    database.transaction(() => {
      // The row first: a racing process fails here, before it touches a table.
      record.run(migration.version, migration.name, now);
      database.exec(migration.sql);
    })();
  }
  return pending.map((migration) => migration.name);
}
