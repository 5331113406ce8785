import { join } from "node:path";
import type { ClientConfig } from "pg";
import { specOf } from "../../src/manifest/application-schema.ts";
import {
  PostgresStore,
  type PostgresStoreOptions,
} from "../../src/storage/postgres/postgres-store.ts";
import type { PostgresServer } from "./postgres-server.ts";

/** Longer than anything that a test has the server do. */
const silenceMs = 10_000;

/** Opens a store on a database of a test's server. */
export function openPostgresStore(
  server: PostgresServer,
  database: string,
  extra: Partial<PostgresStoreOptions> = {},
  reached: ClientConfig = {},
): Promise<PostgresStore> {
  return PostgresStore.open({
    connection: () => ({ ...server.connection(database), silenceMs, ...reached }),
    place: `postgres://127.0.0.1:${server.port}/${database}`,
    migrationsFolder: join(process.cwd(), "migrations", "postgres"),
    fillDefaults: specOf,
    clock: { now: () => 1 },
    startWaitMs: 5_000,
    waitMs: 5_000,
    ...extra,
  });
}
