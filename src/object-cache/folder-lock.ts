import { join } from "node:path";
import { shareFile } from "../protocol/flight/shared-file.ts";
import { acquireLifeLock, type LifeLock, type LockOwner } from "../storage/life-lock.ts";

const name = "cache.lock";

/** Files of a folder of objects that belong to whoever uses it: they are neither copied nor replaced. */
export const lockFiles: readonly string[] = [name, `${name}.json`, shareFile];

/**
 * Locks a folder of objects: two caches in it would overwrite each other, whatever their homes.
 * @throws FlameError already_exists naming who uses it.
 */
export function lockFolder(folder: string, owner: LockOwner, now: number): LifeLock {
  return acquireLifeLock({
    file: join(folder, name),
    what: `the folder "${folder}" of the object cache`,
    failure: `the object cache cannot use the folder "${folder}"`,
    chosenBy: "cache.storage",
    owner,
    now,
  });
}
