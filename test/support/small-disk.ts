import { execFileSync } from "node:child_process";
import { statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./temp.ts";

/** A file system of its own in memory, that can be full or read-only. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all the space that is left. */
  fill(): void;
  resize(bytes: number): void;
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
    fill() {
      const { bavail, bsize } = statfsSync(path);
      writeFileSync(join(path, "filling"), Buffer.alloc(bavail * bsize));
    },
    resize: (to) => mount("-o", `remount,size=${to}`, path),
    setReadOnly: (readOnly) => mount("-o", `remount,${readOnly ? "ro" : "rw"}`, path),
    remove() {
      // Lazily: a daemon that is still ending holds it no longer than it runs.
      execFileSync("umount", ["-l", path], { stdio: "pipe" });
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

function mount(...args: string[]): void {
  execFileSync("mount", args, { stdio: "pipe" });
}
