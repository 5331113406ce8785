import type { Stats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { unpackLimits } from "./archive-rules.ts";

/** A file, and its place in an archive. */
export interface PackedFile {
  /** Its place in the archive, with `/` between names. */
  readonly name: string;
  /** Where it is read from. */
  readonly path: string;
  readonly bytes: number;
  /** Unix permissions, without setuid and the like. */
  readonly mode: number;
}

/** What of a folder goes into an archive. */
export interface FolderContents {
  /** Sorted by name. */
  readonly files: readonly PackedFile[];
  /** What was left out, each file or folder by its place. */
  readonly leftOut: readonly string[];
}

const PERMISSIONS = 0o777;

/**
 * Every file below a folder. Links count as the files that they lead to: who unpacks the archive need not allow links.
 * @param isLeftOut whether a file, or a folder with all that is in it, stays out
 * @throws FlameError invalid_argument for what no archive may hold, resource_exhausted for more than one may hold
 */
export async function folderContents(
  root: string,
  isLeftOut: (path: string) => Promise<boolean>,
): Promise<FolderContents> {
  const files: PackedFile[] = [];
  const leftOut: string[] = [];
  const realRoot = await realpath(root);
  const walk = async (folder: string): Promise<void> => {
    for (const entry of (await namesIn(join(root, folder))).sort()) {
      const name = join(folder, entry);
      const path = join(root, name);
      if (await isLeftOut(path)) {
        leftOut.push(name);
        continue;
      }
      const facts = await factsOf({ name, path }, realRoot);
      if (facts.isDirectory()) await walk(name);
      else files.push(packed(name, path, facts));
      if (files.length > unpackLimits.entries) throw tooMany(root);
    }
  };
  await walk("");
  return { files: files.sort((a, b) => (a.name < b.name ? -1 : 1)), leftOut };
}

/** One file under a name of its own. */
export function packed(name: string, path: string, { size, mode }: Stats): PackedFile {
  return { name, path, bytes: size, mode: mode & PERMISSIONS };
}

interface Place {
  readonly name: string;
  readonly path: string;
}

async function factsOf(place: Place, realRoot: string): Promise<Stats> {
  const facts = await lstat(place.path);
  if (facts.isSymbolicLink()) return await targetFacts(place, realRoot);
  if (facts.isDirectory() || facts.isFile()) return facts;
  throw refused(`${place.path} is no file, folder or link: leave it out of the package`);
}

async function targetFacts({ path }: Place, realRoot: string): Promise<Stats> {
  const target = await realpath(path).catch((cause: unknown) => {
    throw refused(`the link ${path} leads to nothing that there is: remove it (${textOf(cause)})`);
  });
  if (!target.startsWith(realRoot + sep)) {
    throw refused(
      `the link ${path} leads out of the package, to ${target}: copy what it leads to into the package`,
    );
  }
  const facts = await stat(target);
  if (facts.isFile()) return facts;
  throw refused(
    `the link ${path} leads to ${facts.isDirectory() ? "a folder" : "no file"}, expected a file: put a copy there, or remove it`,
  );
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: unknown) => {
    throw refused(`cannot read ${folder}: ${textOf(cause)}`, cause);
  });
}

function refused(text: string, cause?: unknown): FlameError {
  return new FlameError("invalid_argument", text, { cause });
}

function tooMany(root: string): FlameError {
  const text = `${root} has more than ${unpackLimits.entries} files, which is more than a package may have: is it the right folder?`;
  return new FlameError("resource_exhausted", text);
}
