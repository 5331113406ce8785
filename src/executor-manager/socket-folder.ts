import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

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

/** `preferred`, readable by its owner only, or a short temporary folder when socket paths in it would be too long. */
export async function openSocketFolder(preferred: string): Promise<SocketFolder> {
  if (Buffer.byteLength(preferred) + 1 + SOCKET_NAME_BYTES > SOCKET_PATH_BYTES_MAX) {
    const path = await mkdtemp(join(tmpdir(), "flame-"));
    return { path, release: () => rm(path, { recursive: true, force: true }) };
  }
  await mkdir(preferred, { recursive: true });
  await chmod(preferred, 0o700);
  // Each socket goes with its service; the folder stays.
  return { path: preferred, release: () => Promise.resolve() };
}
