import { execFileSync } from "node:child_process";
import { appendFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../src/kit/thrown.ts";
import { temporaryFolder } from "./temp.ts";

/** A file system of its own in memory, that can be full or read-only. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all the space that is left, or all but some bytes. */
  fill(leaving?: number): void;
  /** Gives back what {@link fill} took. */
  empty(): void;
  resize(bytes: number): void;
  /** By a read-only view over it: the disk itself has to stay writable while a daemon holds a lock file in it. */
  setReadOnly(readOnly: boolean): void;
  remove(): void;
}

/**
 * Mounts one.
 * @param at where; a folder of its own when absent
 */
export function smallDisk(bytes: number, at?: string): SmallDisk {
  const folder = at === undefined ? temporaryFolder("disk") : undefined;
  const path = at ?? folder?.path ?? "";
  mount("-t", "tmpfs", "-o", `size=${bytes},mode=700`, "flame-test", path);
  return {
    path,
    fill(leaving = 0) {
      const { bavail, bsize } = statfsSync(path);
      try {
        appendFileSync(join(path, "filling"), Buffer.alloc(bavail * bsize - leaving));
      } catch (thrown) {
        // Others wrote meanwhile: it is as full as can be.
        if (codeOf(thrown) !== "ENOSPC") throw thrown;
      }
    },
    empty: () => rmSync(join(path, "filling")),
    resize: (to) => mount("-o", `remount,size=${to}`, path),
    setReadOnly(readOnly) {
      if (!readOnly) {
        unmount(path);
        return;
      }
      mount("--bind", path, path);
      mount("-o", "remount,bind,ro", path);
    },
    remove() {
      unmount(path);
      folder?.remove();
    },
  };
}

/** Why no file system can be mounted here; undefined when one can. */
export function noSmallDisk(): string | undefined {
  try {
    smallDisk(65_536).remove();
    return undefined;
  } catch (thrown) {
    return `no tmpfs can be mounted here: ${String((thrown as { stderr?: Buffer }).stderr ?? thrown).trim()}`;
  }
}

/** Lazily: a daemon that is still ending holds it no longer than it runs. */
function unmount(path: string): void {
  execFileSync("umount", ["-l", path], { stdio: "pipe" });
}

function mount(...args: string[]): void {
  execFileSync("mount", args, { stdio: "pipe" });
}
