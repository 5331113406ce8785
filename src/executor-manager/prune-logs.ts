import { readdir, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Log files of services that are kept; each executor has up to four in the folder of a session. */
const FILES_KEPT_MAX = 400;

/**
 * Removes the oldest files of a log folder and of the folders in it beyond the newest {@link FILES_KEPT_MAX}, and the
 * folders that are empty then. A missing folder is empty; names with a point at their front are left alone.
 */
export async function pruneLogs(folder: string, keptMax: number = FILES_KEPT_MAX): Promise<void> {
  const paths = await filesBelow(folder);
  if (paths.length <= keptMax) return;
  const files = await Promise.all(paths.map(async (path) => ({ path, time: await age(path) })));
  files.sort((a, b) => b.time - a.time);
  await Promise.all(files.slice(keptMax).map(({ path }) => rm(path, { force: true })));
  // Only empty folders can be removed this way.
  const names = await readdir(folder).catch(() => []);
  await Promise.all(names.map((name) => rmdir(join(folder, name)).catch(() => undefined)));
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = entries
    .filter(({ name }) => !name.startsWith("."))
    .map(async (entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? await filesBelow(path) : [path];
    });
  return (await Promise.all(below)).flat();
}

async function age(path: string): Promise<number> {
  return stat(path).then(
    (facts) => facts.mtimeMs,
    () => 0,
  );
}
