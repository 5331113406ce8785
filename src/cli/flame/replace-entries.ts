import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { copyTree } from "../../files/copy-tree.ts";
import { makeFolderDurably, syncNames, syncTree } from "../../files/durable.ts";

const kept = "before-restore-";
const incoming = ".restoring-";

/** Whether a name stands for something that a restore kept or did not finish. */
export function isOfRestore(name: string): boolean {
  return name.startsWith(kept) || name.startsWith(incoming);
}

/**
 * Replaces what is in a folder by copies of what is in another one, and keeps what was there in a folder of its own
 * within it: the folder itself may be a mount, which no rename can move.
 * @param stays names that are left as they are
 * @returns where the earlier entries are; undefined when there were none.
 */
export async function replaceEntries(
  folder: string,
  from: string,
  stamp: string,
  stays: readonly string[],
): Promise<string | undefined> {
  makeFolderDurably(folder);
  const next = join(folder, `${incoming}${stamp}`);
  const before = join(folder, `${kept}${stamp}`);
  try {
    await copyTree(from, next);
    await syncTree(next);
    const present = (await readdir(folder)).filter(
      (name) => !isOfRestore(name) && !stays.includes(name),
    );
    if (present.length > 0) await mkdir(before, { mode: 0o700 });
    for (const name of present) await rename(join(folder, name), join(before, name));
    for (const name of await readdir(next)) await rename(join(next, name), join(folder, name));
    if (present.length > 0) await syncNames(before);
    await syncNames(folder);
    return present.length > 0 ? before : undefined;
  } finally {
    await rm(next, { recursive: true, force: true });
  }
}

/** Adds copies of the entries that a folder does not have yet: their names say their content. @returns how many. */
export async function addEntries(folder: string, from: string, stamp: string): Promise<number> {
  makeFolderDurably(folder);
  let added = 0;
  for (const name of await readdir(from)) {
    if (existsSync(join(folder, name))) continue;
    const next = join(folder, `.building-${stamp}`);
    try {
      await copyTree(join(from, name), next);
      await syncTree(next);
      await rename(next, join(folder, name));
    } finally {
      await rm(next, { recursive: true, force: true });
    }
    added += 1;
  }
  await syncNames(folder);
  return added;
}
