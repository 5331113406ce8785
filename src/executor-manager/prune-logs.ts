import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Log files of services that are kept; each executor has up to four. */
const FILES_KEPT_MAX = 400;

/** Removes the oldest files of a log folder beyond the newest {@link FILES_KEPT_MAX}. A missing folder is empty. */
export async function pruneLogs(folder: string, keptMax: number = FILES_KEPT_MAX): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  if (names.length <= keptMax) return;
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      return {
        path,
        time: await stat(path).then(
          (facts) => facts.mtimeMs,
          () => 0,
        ),
      };
    }),
  );
  files.sort((a, b) => b.time - a.time);
  await Promise.all(files.slice(keptMax).map(({ path }) => rm(path, { force: true })));
}
