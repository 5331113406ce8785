import { execFileSync } from "node:child_process";
import { SetupError } from "../progress.mjs";
import { ask } from "../run.mjs";

const outputBytesMax = 512 * 1024 * 1024;

/**
 * The commit that a checkout is at, where it is nothing but that commit.
 * @returns {Promise<{ commit: string, seconds: number }>} `seconds`: when it was made, since 1970
 * @throws SetupError for a folder that is no git checkout, and for one with changes
 */
export async function cleanCommit(root) {
  const git = (...args) => ask(["git", "-C", root, ...args]);
  const [commit, seconds] = ((await git("show", "-s", "--format=%H %ct", "HEAD")) ?? "").split(" ");
  if (!commit)
    throw new SetupError(
      `${root}: got no commit of git, expected a checkout.\nWhat to do: clone the repository, and run this there.`,
    );
  const changes = await git("status", "--porcelain");
  if (changes === "") return { commit, seconds: Number(seconds) };
  throw new SetupError(
    `${root}: this is not what commit ${commit} has, but a release is made of a commit:\n${changes}\n` +
      "What to do: commit these changes or take them away (git stash --include-untracked), and run the same command again.",
  );
}

/** A commit as a tar, with `prefix` before each path; `paths` are what of it, by default all. */
export function archiveOf({ root, commit, prefix = "", paths = [] }) {
  // Modes are a matter of the user's configuration otherwise.
  const command = [
    "-c",
    "tar.umask=0022",
    "archive",
    "--format=tar",
    `--prefix=${prefix}`,
    commit,
    ...paths,
  ];
  return execFileSync("git", command, { cwd: root, maxBuffer: outputBytesMax });
}
