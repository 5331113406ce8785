import { execFileSync } from "node:child_process";
import { closeSync, copyFileSync, fsyncSync, openSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./temp.ts";
import { waitFor } from "./wait-for.ts";

/**
 * What a power cut leaves of what nobody synced:
 * `nothing`: neither contents nor names; `names`: the journal came to the disk, since somebody else synced something,
 * and brought names without the contents of their files.
 */
export type Leftover = "nothing" | "names";

/** A file system in an image file, whose power can be cut. */
export interface CrashDisk {
  /**
   * Makes of the file system what a power cut at this moment would leave, at the same place. Nobody may have a file of
   * it open: processes that wrote to it were killed, which syncs nothing.
   */
  cutPower(leftover: Leftover): Promise<void>;
  remove(): void;
}

/** What a file system with a journal needs. */
const leastBytes = 16 * 1024 * 1024;

/** Makes one, mounted at an existing folder. */
export function crashDisk(at: string, bytes: number): CrashDisk {
  const folder = temporaryFolder("image");
  let image = join(folder.path, "disk-0");
  writeFileSync(image, "");
  truncateSync(image, bytes);
  call("mkfs.ext4", "-q", "-F", image);
  // The operating system brings nothing to the disk by itself for longer than a test takes.
  const mount = (): void => call("mount", "-o", "loop,commit=600", image, at);
  try {
    mount();
  } catch (thrown) {
    folder.remove();
    throw thrown;
  }
  let cuts = 0;
  return {
    async cutPower(leftover) {
      if (leftover === "names") syncSomethingElse(at);
      const next = join(folder.path, `disk-${++cuts}`);
      copyFileSync(image, next);
      // A service holds it for a moment longer than its executor manager, which was killed, runs.
      await waitFor("a disk that nobody uses", () => {
        call("umount", at);
        return true;
      });
      image = next;
      mount();
    },
    remove() {
      // Lazily: a daemon that is still ending holds it no longer than it runs.
      call("umount", "-l", at);
      folder.remove();
    },
  };
}

/** Why none can be made here; undefined when one can. */
export function noCrashDisk(): string | undefined {
  const folder = temporaryFolder("mount");
  try {
    crashDisk(folder.path, leastBytes).remove();
    return undefined;
  } catch (thrown) {
    return `no image can be mounted here: ${String((thrown as { stderr?: Buffer }).stderr ?? thrown).trim()}`;
  } finally {
    folder.remove();
  }
}

/** What any other program on the machine may do at any time: it takes the whole journal along. */
function syncSomethingElse(folder: string): void {
  const descriptor = openSync(join(folder, "something-else"), "w");
  writeFileSync(descriptor, "else");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function call(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: "pipe" });
}
