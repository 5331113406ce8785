import { join } from "node:path";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import type { Store } from "../../../src/storage/store.ts";
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
