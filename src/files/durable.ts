import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { lstat, open, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf } from "../kit/thrown.ts";

/** Files that are brought to the disk at the same time: their journal entries share writes. */
const SYNCS_AT_ONCE = 16;

/** What file systems answer that keep names by other means, and folders that may be written to and not read. */
const NAMES_CANNOT_BE_SYNCED = new Set<unknown>(["EACCES", "EINVAL", "ENOTSUP", "EPERM", "EISDIR"]);

/** Brings the content of one file to the disk. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Brings the names in one folder to the disk, where the file system lets anybody ask for that. */
export async function syncNames(folder: string): Promise<void> {
  try {
    await syncFile(folder);
  } catch (thrown) {
    if (!NAMES_CANNOT_BE_SYNCED.has(codeOf(thrown))) throw thrown;
  }
}

/**
 * Brings everything below a folder to the disk, and the folder itself: every content, then every name. Links are names
 * alone. A file that its owner may not read is left to the operating system: no service could read it either.
 */
export async function syncTree(folder: string): Promise<void> {
  const files: string[] = [];
  const folders: string[] = [];
  const walk = async (below: string): Promise<void> => {
    folders.push(below);
    for (const entry of await readdir(below, { withFileTypes: true })) {
      const path = join(below, entry.name);
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) files.push(path);
    }
  };
  await walk(folder);
  await forEach(files, async (path) => {
    try {
      await syncFile(path);
    } catch (thrown) {
      if (codeOf(thrown) !== "EACCES") throw thrown;
    }
  });
  await forEach(folders, syncNames);
}

/**
 * Renames what is on disk as a whole: `from`, a file or a folder, is synced with all that it holds, then renamed, and the
 * new name is on disk when this resolves. After a power cut `to` is what it was before, or all of it.
 */
export async function renameDurably(from: string, to: string): Promise<void> {
  if ((await lstat(from)).isDirectory()) await syncTree(from);
  else await syncFile(from);
  await rename(from, to);
  await syncNames(dirname(to));
}

/** Makes a folder and what leads to it; the new names are on disk when this returns. */
export function makeFolderDurably(folder: string, mode?: number): void {
  const first = mkdirSync(folder, { recursive: true, ...(mode !== undefined && { mode }) });
  if (first === undefined) return;
  let made = folder;
  while (made !== first && made !== dirname(made)) {
    made = dirname(made);
    syncNamesNow(made);
  }
  syncNamesNow(dirname(first));
}

/**
 * Replaces a small text file: after a power cut it holds the old text or the new one, and the new one once this returns.
 */
export function replaceTextDurably(file: string, text: string): void {
  const next = `${file}.next`;
  try {
    const descriptor = openSync(next, "w");
    try {
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(next, file);
  } catch (thrown) {
    // Half of it would take room on a disk that is full.
    removeIfThere(next);
    throw thrown;
  }
  syncNamesNow(dirname(file));
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // What could not be made, or not be removed, is of no use to anybody.
  }
}

function syncNamesNow(folder: string): void {
  try {
    const descriptor = openSync(folder, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (thrown) {
    if (!NAMES_CANNOT_BE_SYNCED.has(codeOf(thrown))) throw thrown;
  }
}

async function forEach(
  paths: readonly string[],
  work: (path: string) => Promise<void>,
): Promise<void> {
  const waiting = [...paths];
  const worker = async (): Promise<void> => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) await work(path);
  };
  await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, worker));
}
