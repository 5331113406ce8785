import { readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf } from "../kit/thrown.ts";
import { acquireLifeLock, type LifeLock, type LockOwner } from "./life-lock.ts";

/** As many as Linux follows. */
const linksMax = 40;

/**
 * Locks a database against every other program that would write to it.
 * @param file as {@link realFile} says it: the same database must have the same lock, whatever links lead to it
 * @throws FlameError already_exists naming who uses it.
 */
export function databaseLock(file: string, owner: LockOwner, now: number): LifeLock {
  return acquireLifeLock({
    file: `${file}.lock`,
    what: `the database ${file}`,
    failure: `cannot open the database ${file}`,
    chosenBy: "cluster.storage",
    owner,
    now,
  });
}

/** Where a database stands when all links are followed; it need not be there yet, its folder has to. */
export function realFile(file: string): string {
  let at = resolve(file);
  for (let links = 0; links < linksMax; links++) {
    at = join(realpathSync(dirname(at)), basename(at));
    try {
      at = resolve(dirname(at), readlinkSync(at));
    } catch (thrown) {
      if (codeOf(thrown) === "EINVAL" || codeOf(thrown) === "ENOENT") return at;
      throw thrown;
    }
  }
  throw Object.assign(new Error(`too many links lead from ${file}`), { code: "ELOOP" });
}
