import { chmod, mkdir, mkdtemp, readlink, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** The longest path of a unix socket on Linux, in bytes without the terminating zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/** Length of the longest `<executor id>.sock` that we make room for: a UUID. */
const SOCKET_NAME_BYTES = 36 + ".sock".length;

/** The folder of the service sockets. */
export interface SocketFolder {
  readonly path: string;
  /** Removes the sockets, and the folder if it is a temporary one. */
  release(): Promise<void>;
}

/**
 * `preferred`, readable by its owner only, or a short temporary folder when socket paths in it would be too long. Then
 * `link`, in a home that has one manager at a time, leads to that folder: by it the next manager finds what a kill left.
 */
export async function openSocketFolder(preferred: string, link: string): Promise<SocketFolder> {
  await removeLinked(link);
  if (Buffer.byteLength(preferred) + 1 + SOCKET_NAME_BYTES > SOCKET_PATH_BYTES_MAX) {
    const path = await mkdtemp(temporaryPrefix());
    await mkdir(dirname(link), { recursive: true });
    // Where something else has that name sockets work all the same.
    await symlink(path, link).catch(() => undefined);
    const release = async (): Promise<void> => {
      await rm(path, { recursive: true, force: true });
      await removeLinked(link);
    };
    return { path, release };
  }
  await mkdir(preferred, { recursive: true });
  await chmod(preferred, 0o700);
  // Each socket goes with its service; the folder stays.
  return { path: preferred, release: () => Promise.resolve() };
}

const temporaryPrefix = (): string => join(tmpdir(), "flame-");

/** Removes a link of ours and the temporary folder that it leads to. */
async function removeLinked(link: string): Promise<void> {
  const path = await readlink(link).catch(() => undefined);
  // A link that somebody else made, for reasons of their own, is none of ours.
  if (path?.startsWith(temporaryPrefix()) !== true) return;
  await rm(path, { recursive: true, force: true });
  await rm(link, { force: true });
}
