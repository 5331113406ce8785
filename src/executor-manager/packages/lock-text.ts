import { createHash } from "node:crypto";

/** The first line of a lock that is kept: what the others hash to. */
const HEAD = /^# sha256: ([0-9a-f]{64})\n/;

/** What may stand without a hash: a commit is one, and a folder is each node's own. */
const NEEDS_NO_HASH = /@ (git\+\S+@[0-9a-f]{40}(#\S*)?( ?;.*)?$|file:\/\/)/;

/** A lock as it is kept, in the object cache and on nodes: with what tells whether it is whole. */
export const packLock = (lock: string): string => `# sha256: ${hashOf(lock)}\n${lock}`;

/** The lock of what {@link packLock} gave; undefined for anything but a whole one. */
export function unpackLock(text: string): string | undefined {
  const [head = "", hash] = HEAD.exec(text) ?? [];
  const lock = text.slice(head.length);
  return hash === hashOf(lock) ? lock : undefined;
}

/** What a lock says of each distribution, its hashes on the lines after it. */
export function lockEntries(lock: string): string[] {
  return lock
    .replaceAll("\r\n", "\n")
    .split(/(?<!\\)\n/)
    .filter((entry) => entry.trim() !== "" && !entry.startsWith("#"));
}

/**
 * The entries of a lock that any content of that name and version would satisfy. Locks of earlier releases have no hashes at
 * all, and none of theirs is told.
 */
export function entriesWithoutHash(lock: string): string[] {
  const entries = lockEntries(lock);
  const isHashed = (entry: string): boolean => entry.includes("--hash=");
  if (!entries.some(isHashed)) return [];
  return entries.filter((entry) => !isHashed(entry) && !NEEDS_NO_HASH.test(entry));
}

const hashOf = (lock: string): string => createHash("sha256").update(lock).digest("hex");
