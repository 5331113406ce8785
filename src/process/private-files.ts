import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";

/** What a daemon writes is for its user alone. */
const privateUmask = 0o077;

/** Of a home: what daemons write. They hold inputs, outputs, environments, and locks that others could take. */
const closedFolders = ["data", "logs", "run"] as const;

let asStarted: number | undefined;

/** From now on what this process writes is for its user alone. Idempotent. */
export function keepFilesPrivate(): void {
  asStarted ??= process.umask(privateUmask);
}

/**
 * Starts a program with the umask that this process was started with: what it writes is for whom its user wants.
 * @param start has to start it at once
 */
export function withUmaskAsStarted<T>(start: () => T): T {
  if (asStarted === undefined) return start();
  process.umask(asStarted);
  try {
    return start();
  } finally {
    process.umask(privateUmask);
  }
}

/**
 * Closes the folders of a home that daemons write to, where they are open to everybody as earlier versions made them. One
 * that its owner closed to others stays as it is, group access included; one of somebody else is left alone.
 */
export function closeHome(home: string): void {
  for (const name of closedFolders) closeToOthers(join(home, name), 0o700);
}

/** Sets `mode` on what is open to everybody; what is not there, or not ours to change, stays as it is. */
export function closeToOthers(path: string, mode: number): void {
  try {
    if ((statSync(path).mode & 0o007) !== 0) chmodSync(path, mode);
  } catch {
    // It may be gone, or belong to somebody else.
  }
}
