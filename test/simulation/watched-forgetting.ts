import { silentLogger } from "../../src/kit/logger.ts";
import { FinishedTasks } from "../../src/session-manager/storage/finished-tasks.ts";
import type { MemoryStore } from "../../src/storage/memory-store.ts";
import type { MemoryTables } from "../../src/storage/memory-tables.ts";
import type { StoredState } from "../../src/storage/store.ts";
import type { Auditor } from "./auditor.ts";
import type { World } from "./world.ts";

interface ForgettingDeps {
  readonly world: World;
  readonly store: MemoryStore;
  readonly tables: MemoryTables;
  readonly auditor: Auditor;
  /** Finished tasks that an open session keeps. */
  readonly kept: number;
  readonly isOpen: (session: string) => boolean;
}

/** The real code that forgets finished tasks; the auditor looks at each piece of it. */
export function watchedForgetting(
  { world, store, tables, auditor, kept, isOpen }: ForgettingDeps,
  stored: StoredState,
): FinishedTasks {
  /** Sessions of which a piece was forgotten just now. */
  const looked = new Set<string>();
  const watched = new Proxy(store, {
    get: (_, key) =>
      key === "forgetFinished"
        ? (...[id, ...how]: Parameters<MemoryStore["forgetFinished"]>) => {
            const piece = store.forgetFinished(id, ...how);
            looked.add(id);
            return piece;
          }
        : (Reflect.get(store, key) as () => unknown).bind(store),
  });
  const clock = {
    now: () => world.date,
    steady: () => world.now,
    after: (ms: number, act: () => void) =>
      world.after(ms, () => {
        act();
        // The store answers in promises: virtual time waits for what follows them.
        return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
          for (const id of looked) auditor.forgot(tables, id, kept);
          looked.clear();
        });
      }),
  };
  return new FinishedTasks(
    { store: watched, clock, logger: silentLogger, kept, isOpen },
    stored.sessions,
  );
}
