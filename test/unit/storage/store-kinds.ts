import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import type { Store } from "../../../src/storage/store.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { openPostgresStore } from "../../support/postgres-store.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { spec } from "./records.ts";

/** What a test of a store is given. */
interface StorePlace {
  readonly folder: string;
  /** Where a server is needed, and an empty database of it. */
  readonly server: PostgresServer | undefined;
  readonly database: string;
}

/** What a store does with the same place after its process ended; a memory store has nothing to come back to. */
export interface StoreKind {
  readonly name: string;
  readonly needsServer?: true;
  readonly open: (place: StorePlace) => Store | Promise<Store>;
  readonly durable: boolean;
}
export const storeKinds: readonly StoreKind[] = [
  { name: "memory", open: () => new MemoryStore(), durable: false },
  {
    name: "sqlite",
    open: ({ folder }) =>
      new SqliteStore({
        file: join(folder, "data", "flame.db"),
        migrationsFolder: join(process.cwd(), "migrations", "sqlite"),
        fillDefaults: (manifest) => ({ ...spec, ...manifest }),
        now: 1,
      }),
    durable: true,
  },
  {
    name: "postgres",
    needsServer: true,
    open: ({ server, database }) => {
      if (server === undefined) throw new Error("no server was started");
      const fillDefaults = (manifest: object): typeof spec => ({ ...spec, ...manifest });
      return openPostgresStore(server, database, { fillDefaults });
    },
    durable: true,
  },
];

/**
 * Gives each test of the suite that calls it a store in a place of its own.
 * @param use told of the store, also of the one that takes its place
 * @returns ends a durable store and opens it anew, as a restart does
 */
export function storeForEachTest(
  { open, durable, needsServer }: StoreKind,
  use: (store: Store) => void,
): () => Promise<void> {
  let server: PostgresServer | undefined;
  let folder: ReturnType<typeof temporaryFolder>;
  let database: string;
  let store: Store;
  const begin = async (): Promise<void> => {
    store = await open({ folder: folder.path, server, database });
    use(store);
  };
  beforeAll(async () => {
    if (needsServer) server = await PostgresServer.start();
  });
  afterAll(() => server?.remove());
  beforeEach(async () => {
    folder = temporaryFolder("store");
    database = (await server?.newDatabase()) ?? "";
    await begin();
  });
  afterEach(async () => {
    await store.close();
    folder.remove();
  });
  return async () => {
    if (!durable) return;
    await store.close();
    await begin();
  };
}
