import { constants, type Stats } from "node:fs";
import {
  copyFile,
  lstat,
  lutimes,
  mkdir,
  readdir,
  readlink,
  symlink,
  utimes,
} from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../kit/thrown.ts";

/** What was copied; links and folders do not count. */
export interface Copied {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Copies a file, or a folder with all below it, with modes and times; links stay what they are. What vanishes meanwhile
 * is left out: the folder may be in use. Sockets and pipes are left out too.
 * @param skip names that are left out wherever they stand
 */
export async function copyTree(
  from: string,
  to: string,
  skip: (name: string) => boolean = () => false,
): Promise<Copied> {
  const facts = await unlessGone(lstat(from));
  if (facts === undefined) return { files: 0, bytes: 0 };
  if (facts.isDirectory()) return copyFolder(from, to, facts, skip);
  if (facts.isSymbolicLink()) {
    const target = await unlessGone(readlink(from));
    if (target === undefined) return { files: 0, bytes: 0 };
    await symlink(target, to);
    await lutimes(to, facts.atime, facts.mtime);
    return { files: 0, bytes: 0 };
  }
  if (!facts.isFile()) return { files: 0, bytes: 0 };
  const flags = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
  const copied = await unlessGone(copyFile(from, to, flags).then(() => true));
  if (copied === undefined) return { files: 0, bytes: 0 };
  await utimes(to, facts.atime, facts.mtime);
  return { files: 1, bytes: (await lstat(to)).size };
}

async function copyFolder(
  from: string,
  to: string,
  facts: Stats,
  skip: (name: string) => boolean,
): Promise<Copied> {
  const names = (await unlessGone(readdir(from))) ?? [];
  // Its owner has to be able to fill it, and to remove it.
  await mkdir(to, { mode: facts.mode | 0o700 });
  let files = 0;
  let bytes = 0;
  for (const name of names) {
    if (skip(name)) continue;
    const below = await copyTree(join(from, name), join(to, name), skip);
    files += below.files;
    bytes += below.bytes;
  }
  await utimes(to, facts.atime, facts.mtime);
  return { files, bytes };
}

async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
