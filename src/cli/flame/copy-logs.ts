import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { type Copied, copyTree } from "../../files/copy-tree.ts";
import { FlameError } from "../../model/errors.ts";

/** A cache joins its logs once in a while; one that does it all the time is no cache of ours. */
const TRIES = 100;

/**
 * Copies the logs of small objects of a cache that may run. It moves what is still used of a log to the newest one, which may
 * have been copied before, and only then removes the log: so a copy is whole when no log went meanwhile, and else made again.
 * @param copy @default copyTree
 */
export async function copyLogs(
  from: string,
  to: string,
  copy: (from: string, to: string) => Promise<Copied> = copyTree,
): Promise<Copied> {
  for (let left = TRIES; left > 0; left--) {
    if (!existsSync(from)) return { files: 0, bytes: 0 };
    const names = await readdir(from);
    const copied = await copy(from, to);
    const after = new Set(await readdir(from));
    if (names.every((name) => after.has(name))) return copied;
    await rm(to, { recursive: true });
  }
  throw new FlameError(
    "unavailable",
    `the folder ${from} changes all the time: got no whole copy in ${TRIES} tries; try again, or stop the object cache`,
  );
}
