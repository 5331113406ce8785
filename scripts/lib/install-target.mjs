import { accessSync, constants, existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join, sep } from "node:path";
import { homeFolders } from "./home.mjs";
import { SetupError } from "./progress.mjs";

/** Everything that may lie in the top folder of a home. */
const known = new Set([...homeFolders, "share", "venvs", "lost+found"]);

/**
 * Installing beside foreign files would mix with them, and an upgrade could not tell them apart.
 * @param {string} prefix absolute path
 * @param {string} root the checkout
 * @throws SetupError for a file, the checkout, a folder in it, and a folder that holds something else
 */
export function refuseForeignFolder(prefix, root) {
  const advice = "What to do: name a folder of its own, such as /usr/local/flame.";
  if (`${real(prefix)}${sep}`.startsWith(`${realpathSync(root)}${sep}`)) {
    throw new SetupError(
      `--prefix ${prefix}: this is inside the checkout, which an installation must not need.\n${advice}`,
    );
  }
  if (!existsSync(prefix)) return;
  if (!statSync(prefix).isDirectory()) {
    throw new SetupError(`--prefix ${prefix}: this is a file, expected a folder.\n${advice}`);
  }
  const foreign = readdirSync(prefix).filter((name) => !known.has(name) && !name.startsWith("."));
  if (foreign.length === 0 || existsSync(join(prefix, "lib/stamps"))) return;
  throw new SetupError(
    `--prefix ${prefix}: this folder is not a Flame installation and holds other things ` +
      `(${foreign.sort().slice(0, 3).join(", ")}${foreign.length > 3 ? ", ..." : ""}).\n${advice}`,
  );
}

/** The path with the links of whatever of it exists resolved. */
function real(path) {
  const existing = nearestExisting(path);
  return realpathSync(existing) + path.slice(existing.length);
}

function nearestExisting(path) {
  return existsSync(path) || path === dirname(path) ? path : nearestExisting(dirname(path));
}

/** @throws SetupError naming the folder that this user may not write to */
export function refuseUnwritable(prefix) {
  const folder = nearestExisting(prefix);
  const advice = "name another folder with --prefix.";
  if (!statSync(folder).isDirectory()) {
    throw new SetupError(
      `--prefix ${prefix}: ${folder} is a file, expected a folder.\nWhat to do: ${advice}`,
    );
  }
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new SetupError(
      `--prefix ${prefix}: the user ${userInfo().username} may not write to ${folder} (${cause.code}).\n` +
        `What to do: run it as a user who may, or ${advice}`,
      { cause },
    );
  }
}

/** The folders above a program that only their owner may enter, the nearest first. */
export function foldersNotOpenToOthers(program) {
  const folders = [];
  for (
    let folder = dirname(realpathSync(program));
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    if ((statSync(folder).mode & 0o001) === 0) folders.push(folder);
  }
  return folders;
}
