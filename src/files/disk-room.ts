import { statfs } from "node:fs/promises";

/** What a file system has. */
export interface DiskRoom {
  /** What programs may still write, in bytes. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Room that is kept back at most, in bytes: for what ends and what deletes. */
const RESERVE_BYTES_MAX = 64 * 1024 * 1024;

/** On a small file system: this part of it. */
const RESERVE_PART = 0.1;

/** Looks at the file system of a path. @throws Error when nothing is there */
export async function diskRoom(path: string): Promise<DiskRoom> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** Free bytes below which nothing is taken that grows: what runs can still end, and what is there be deleted. */
export function reserveOf({ totalBytes }: Pick<DiskRoom, "totalBytes">): number {
  return Math.min(RESERVE_BYTES_MAX, Math.floor(totalBytes * RESERVE_PART));
}
