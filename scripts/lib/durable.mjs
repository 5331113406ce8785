import { execFile } from "node:child_process";
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const execFileAsync = promisify(execFile);

/** What file systems answer that keep names by other means, and files that nobody may read. */
const cannotBeSynced = new Set(["EACCES", "EINVAL", "ENOTSUP", "EPERM", "EISDIR"]);

function syncPath(path) {
  try {
    const descriptor = openSync(path, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (failure) {
    if (!cannotBeSynced.has(failure.code)) throw failure;
  }
}

/** Brings a file, or a folder with all that is in it, to the disk. */
export function syncTree(path) {
  if (statSync(path).isDirectory()) {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory() || entry.isFile()) syncTree(join(path, entry.name));
    }
  }
  syncPath(path);
}

/** Renames what is on disk as a whole: after a power cut `to` is what it was before, or all of it. */
export function renameDurably(from, to) {
  syncTree(from);
  renameSync(from, to);
  syncPath(dirname(to));
}

/**
 * Brings everything that was written to the file systems of these paths to the disk: for what other programs made, in
 * thousands of files.
 */
export async function syncFileSystems(paths) {
  // macOS and old systems know only how to do it for all file systems.
  await execFileAsync("sync", ["-f", ...paths]).catch(() => execFileAsync("sync"));
}
