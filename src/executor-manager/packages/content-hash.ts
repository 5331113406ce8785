import { createHash } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { isNotOfTheProject } from "../../archives/not-of-the-project.ts";
import { FlameError } from "../../model/errors.ts";

/** A directory package has at most this many entries. */
const ENTRIES_MAX = 100_000;

const SETUID_OR_SETGID = 0o6000;

/**
 * SHA-256 of a package in lower-case hex: of the bytes of a file; of a directory over its sorted entries, each
 * with path, kind, executable bit and content. What lies there and is no part of the project does not count.
 */
export async function contentHash(path: string, isDirectory: boolean): Promise<string> {
  return isDirectory ? hashDirectory(path) : hashFile(path);
}

/** SHA-256 of the bytes of a file in lower-case hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** @throws FlameError invalid_argument for what cannot be copied, or should not be. */
function kindOf(facts: Stats, path: string): "link" | "directory" | "file" {
  if (facts.isSymbolicLink()) return "link";
  if (facts.isDirectory()) return "directory";
  const refuse = (why: string): FlameError =>
    new FlameError("invalid_argument", `its entry "${path}" ${why}`);
  if (!facts.isFile()) throw refuse("is no file, directory or link");
  // The copy would run as whoever runs the executor manager.
  if ((facts.mode & SETUID_OR_SETGID) !== 0) throw refuse("is setuid or setgid");
  return "file";
}

/**
 * A copy has the links as they are. One that leads out of the package would mean something else there, and its target
 * would not be part of what was hashed.
 * @throws FlameError invalid_argument naming link and target.
 */
async function checkLink(root: string, path: string, inner: string): Promise<void> {
  const target = await readlink(path);
  const place = resolve(dirname(path), target);
  // Links on the way to it may lead elsewhere than the text says; where "..", in a link to nothing, leads nobody can tell.
  const real = await realpath(path).catch(() => undefined);
  const inside = real === undefined ? !target.includes("..") : isWithin(await realpath(root), real);
  if (!isAbsolute(target) && isWithin(root, place) && inside) return;
  throw new FlameError(
    "invalid_argument",
    `its entry "${inner}" is a link to "${target}", which leads out of the package; expected a relative link to something in it: ` +
      "copy the target into the package",
  );
}

const isWithin = (root: string, path: string): boolean =>
  path === root || path.startsWith(root + sep);

async function hashDirectory(root: string): Promise<string> {
  const hash = createHash("sha256");
  let entries = 0;
  const walk = async (relative: string): Promise<void> => {
    for (const name of (await readdir(join(root, relative))).sort()) {
      if (await isNotOfTheProject(join(root, relative, name))) continue;
      if (++entries > ENTRIES_MAX) {
        throw new FlameError(
          "resource_exhausted",
          `package "${root}" has more than ${ENTRIES_MAX} entries`,
        );
      }
      const inner = join(relative, name);
      const path = join(root, inner);
      const facts = await lstat(path);
      const kind = kindOf(facts, inner);
      if (kind === "link") await checkLink(root, path, inner);
      const content =
        kind === "link" ? await readlink(path) : kind === "file" ? await hashFile(path) : "";
      hash.update(
        JSON.stringify([inner, kind, kind === "file" && (facts.mode & 0o100) !== 0, content]),
      );
      if (kind === "directory") await walk(inner);
    }
  };
  await walk("");
  return hash.digest("hex");
}
