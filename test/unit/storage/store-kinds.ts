import { join } from "node:path";
import { afterEach, beforeEach } from "@jest/globals";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import type { Store } from "../../../src/storage/store.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { spec } from "./records.ts";

/** What a store does with the same folder after its process ended; a memory store has nothing to come back to. */
export interface StoreKind {
  readonly name: string;
  readonly open: (folder: string) => Store;
  readonly durable: boolean;
}
export const storeKinds: readonly StoreKind[] = [
  { name: "memory", open: () => new MemoryStore(), durable: false },
  {
    name: "sqlite",
    open: (folder) =>
      new SqliteStore({
        file: join(folder, "data", "flame.db"),
        migrationsFolder: join(process.cwd(), "migrations", "sqlite"),
        fillDefaults: (manifest) => ({ ...spec, ...manifest }),
        now: 1,
      }),
    durable: true,
  },
];

/**
 * Gives each test of the suite that calls it a store in a folder of its own.
 * @param use told of the store, also of the one that takes its place
 * @returns ends a durable store and opens it anew, as a restart does
 */
export function storeForEachTest(
  { open, durable }: StoreKind,
  use: (store: Store) => void,
): () => Promise<void> {
  let folder: ReturnType<typeof temporaryFolder>;
  let store: Store;
  const begin = (): void => {
    store = open(folder.path);
    use(store);
  };
  beforeEach(() => {
    folder = temporaryFolder("store");
    begin();
  });
  afterEach(async () => {
    await store.close();
    folder.remove();
  });
  return async () => {
    if (!durable) return;
    await store.close();
    begin();
  };
}
