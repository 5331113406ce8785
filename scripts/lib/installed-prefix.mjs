import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./paths.mjs";

/**
 * Installs Flame as a user does, from a copy of this checkout that is moved away afterwards: whatever still needs its
 * checkout fails. The npm packages are those of the checkout, by a link that is moved too.
 * @param {string} folder not inside the checkout; gets `prefix`, the installation, and `checkout`, the copy
 * @returns {string} the installed FLAME_HOME
 * @throws Error with what the script printed when it fails
 */
export function installPrefix(folder) {
  const source = join(folder, "source");
  const prefix = join(folder, "prefix");
  copyCheckout(source);
  execFileSync(join(source, "scripts/install.sh"), ["--prefix", prefix], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  renameSync(source, join(folder, "checkout"));
  return prefix;
}

/** Copies what git tracks or would track, and links the npm packages. */
export function copyCheckout(source) {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const files = execFileSync("git", list, { cwd: root, encoding: "utf8" }).split("\0");
  // A file that was removed but not yet from the index is not there to be copied.
  for (const file of files.filter((name) => name !== "" && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(source, file)), { recursive: true });
    cpSync(join(root, file), join(source, file));
  }
  symlinkSync(join(root, "node_modules"), join(source, "node_modules"));
}
