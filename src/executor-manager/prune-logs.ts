import { readdir, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** What is kept of a folder of logs. */
export interface LogLimits {
  /** The newest so many files. */
  readonly files: number;
  /** The newest ones that together have so many bytes. */
  readonly bytes: number;
  /** Those that were written to in the last so many milliseconds; 0: whatever their age. */
  readonly ageMs: number;
}

/** Log files of services; each executor has up to four in the folder of a session. */
export const serviceLogLimits = { files: 400, bytes: 4 * 1024 ** 3 } as const;
/** Logs of installations; each application has one, that of its latest installation. */
export const installLogLimits: LogLimits = { files: 200, bytes: 64 * 1024 ** 2, ageMs: 0 };

/** Copies of locks, which are written to again at each use: beyond it, the longest unused ones go. */
export const listLockLimits: LogLimits = { files: 2_000, bytes: 64 * 1024 ** 2, ageMs: 0 };

interface LogFacts {
  readonly path: string;
  readonly time: number;
  readonly bytes: number;
}

/**
 * Removes the oldest files of a log folder and of the folders in it beyond the limits, and the folders that are empty
 * then. A missing folder is empty; names with a point at their front are left alone.
 * @param isInUse names of files that somebody writes to: they stay, whatever their age
 */
export async function pruneLogs(
  folder: string,
  limits: LogLimits,
  now: number,
  isInUse: (name: string) => boolean = () => false,
): Promise<void> {
  const files = (await filesBelow(folder, isInUse)).sort((a, b) => b.time - a.time);
  let bytes = 0;
  const beyond = files.filter((file, index) => {
    bytes += file.bytes;
    const isOld = limits.ageMs > 0 && now - file.time > limits.ageMs;
    return index >= limits.files || bytes > limits.bytes || isOld;
  });
  if (beyond.length === 0) return;
  await Promise.all(beyond.map(({ path }) => rm(path, { force: true })));
  // Only empty folders can be removed this way.
  const names = await readdir(folder).catch(() => []);
  await Promise.all(names.map((name) => rmdir(join(folder, name)).catch(() => undefined)));
}

async function filesBelow(folder: string, isInUse: (name: string) => boolean): Promise<LogFacts[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = entries
    .filter(({ name }) => !name.startsWith("."))
    .map(async (entry): Promise<LogFacts[]> => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return await filesBelow(path, isInUse);
      if (isInUse(entry.name)) return [];
      // Somebody else may have removed it.
      const facts = await stat(path).catch(() => undefined);
      return facts === undefined ? [] : [{ path, time: facts.mtimeMs, bytes: facts.size }];
    });
  return (await Promise.all(below)).flat();
}
