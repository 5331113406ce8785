import type { Clock } from "../../kit/clock.ts";
import { copyDatabase, type PreparedRestore, prepareRestore } from "../../storage/database-file.ts";

/** Which backup, and which database of which home it is for. */
export interface OfflineRestore {
  readonly from: string;
  readonly to: string;
  readonly stamp: string;
  /** FLAME_HOME. */
  readonly home: string;
}

/** What can be done with a session manager's database without it. */
export interface OfflineDatabase {
  /** A consistent copy, also while a session manager uses the database. */
  copyDatabase(from: string, to: string): Promise<void>;
  /** Checks a copy of a backup beside the database and locks the database. */
  prepareDatabase(restore: OfflineRestore): Promise<PreparedRestore>;
}

export function offlineDatabase(migrationsFolder: string, clock: Clock): OfflineDatabase {
  return {
    copyDatabase,
    prepareDatabase: ({ home, ...restore }) =>
      prepareRestore({
        ...restore,
        migrationsFolder,
        owner: { program: "flame restore", home },
        now: clock.now(),
      }),
  };
}
