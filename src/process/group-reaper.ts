import { type ChildProcess, spawn } from "node:child_process";

/**
 * Kills process groups when this process ends, however it ends: a small shell reads their ids from a pipe, and
 * the pipe closes even after `kill -9`. A parent-death signal would reach only the group's leader, and a leader such
 * as `uv run` leaves the service itself behind.
 */
export interface GroupReaper {
  /**
   * From now on this group dies with this process.
   * @param cgroup the folder of its control group, if it has one
   */
  watch(group: number, cgroup?: string): void;
  /** The group is gone, its id may be used by others again. */
  forget(group: number): void;
  /** Ends the helper; groups still watched are killed. */
  close(): Promise<void>;
}

const SCRIPT = `
watched=
while read -r what group cgroup; do
  case "$what" in
    watch) watched="$watched $group:$cgroup" ;;
    forget) kept=
      for each in $watched; do [ "\${each%%:*}" = "$group" ] || kept="$kept $each"; done
      watched=$kept ;;
  esac
done
for each in $watched; do
  kill -KILL "-\${each%%:*}" 2>/dev/null
  cgroup=\${each#*:}
  [ -z "$cgroup" ] || echo 1 2>/dev/null >"$cgroup/cgroup.kill"
done
exit 0
`;

/** Starts the helper, one per manager. */
export function startGroupReaper(): GroupReaper {
  // A session of its own: a Ctrl-C at the terminal must not take it before the manager has stopped its groups.
  const shell = spawn("/bin/sh", ["-c", SCRIPT], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: {},
    cwd: "/",
  });
  shell.unref();
  return new ShellReaper(shell);
}

class ShellReaper implements GroupReaper {
  readonly #shell: ChildProcess;
  readonly #ended: Promise<void>;

  constructor(shell: ChildProcess) {
    this.#shell = shell;
    this.#ended = new Promise((resolve) => {
      // Without a shell the next start still finds leftovers by their records.
      shell.once("error", () => resolve());
      shell.once("exit", () => resolve());
    });
    shell.stdin?.on("error", () => undefined);
  }

  watch(group: number, cgroup = ""): void {
    // The shell takes words: a folder with blanks in its path is left to the next start, which has it in its records.
    this.#shell.stdin?.write(`watch ${group} ${/\s/.test(cgroup) ? "" : cgroup}\n`);
  }

  forget(group: number): void {
    this.#shell.stdin?.write(`forget ${group}\n`);
  }

  async close(): Promise<void> {
    this.#shell.stdin?.end();
    // Waiting for it alone must keep this process alive, or what comes after the wait would never run.
    this.#shell.ref();
    await this.#ended;
  }
}
