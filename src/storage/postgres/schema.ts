import { FlameError } from "../../model/errors.ts";
import { pendingMigrations, readMigrations } from "../migration-files.ts";
import type { Link } from "./link.ts";
import { type Statement, statement } from "./statement.ts";

/** The oldest server that has what the statements need, and that its makers still mend. */
const serverVersionMin = 140_000;

/**
 * Brings the database to the newest schema, each file in a transaction of its own. Called while nobody else can.
 * @throws FlameError invalid_config when it is not Flame's, was written by a newer Flame, or cannot hold all texts
 */
export async function bringToNewestSchema(
  link: Link,
  folder: string,
  place: string,
  now: number,
): Promise<void> {
  await checkServer(link, place);
  const applied = await appliedVersions(link, place);
  for (const { version, name, sql } of pendingMigrations(readMigrations(folder), applied, place))
    await link.transaction([
      plain(migrationsTable),
      statement(
        "",
        "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1::bigint, $2, $3::bigint)",
        version,
        name,
        now,
      ),
      ...statementsIn(sql).map(plain),
    ]);
}

const migrationsTable =
  "CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, name text NOT NULL, applied_at bigint NOT NULL)";

function plain(text: string): Statement {
  return statement("", text);
}

/** The statements of a file; a semicolon at the end of a line ends one, but for those within a function's $$. */
export function statementsIn(sql: string): string[] {
  const code = sql.replaceAll(/^\s*--.*$/gm, "");
  const found: string[] = [];
  let text = "";
  for (const line of code.split("\n")) {
    text += `${line}\n`;
    const isWithin = text.split("$$").length % 2 === 0;
    if (isWithin || !line.trimEnd().endsWith(";")) continue;
    found.push(text.trim());
    text = "";
  }
  if (text.trim() !== "") found.push(text.trim());
  return found;
}

async function checkServer(link: Link, place: string): Promise<void> {
  const [found] = await link.rows<{ version: string; encoding: string; old: boolean }>(
    plain(`SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
       current_setting('server_version_num')::int < ${serverVersionMin} AS old`),
  );
  if (found?.old === true)
    throw new FlameError(
      "invalid_config",
      `the server of ${place} is PostgreSQL ${found.version}, expected ${serverVersionMin / 10_000} or newer`,
    );
  if (found?.encoding !== "UTF8")
    throw new FlameError(
      "invalid_config",
      `database ${place} has the encoding ${found?.encoding}, expected UTF8: make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0`,
    );
}

async function appliedVersions(link: Link, place: string): Promise<Set<number>> {
  const [found] = await link.rows<{ ours: boolean; columns: boolean; others: string | null }>(
    plain(`SELECT to_regclass('schema_migrations') IS NOT NULL AS ours,
       (SELECT count(*) = 3 FROM pg_attribute WHERE attrelid = to_regclass('schema_migrations')
          AND attname IN ('version', 'name', 'applied_at')) AS columns,
       (SELECT min(relname) FROM pg_class WHERE relnamespace = current_schema()::regnamespace
          AND relkind IN ('r', 'p', 'v', 'm', 'f')) AS others`),
  );
  if (found?.ours === true && found.columns) {
    const rows = await link.rows<{ version: number }>(
      plain("SELECT version FROM schema_migrations"),
    );
    return new Set(rows.map(({ version }) => version));
  }
  const others = found?.others ?? undefined;
  if (others === undefined) return new Set();
  throw new FlameError(
    "invalid_config",
    `database ${place} has tables that are not Flame's (such as ${others}); name an empty database in cluster.storage`,
  );
}
