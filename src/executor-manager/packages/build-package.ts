import { copyFile, cp, lstat, mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import {
  isClutter,
  isNotOfTheProject,
  isVersionControl,
} from "../../archives/not-of-the-project.ts";
import { checkWheel, unpack } from "../../archives/unpack.ts";
import { FlameError } from "../../model/errors.ts";
import { contentHash } from "./content-hash.ts";
import { installPython } from "./install-python.ts";
import type { Installer, PackageForm } from "./package-kind.ts";
import type { InstalledPackage } from "./package-variables.ts";
import type { PythonEnvironment } from "./python-environment.ts";
import type { UvDeps } from "./run-uv.ts";
import { wheelName } from "./wheel-name.ts";

/** One package to build. */
export interface PackageBuild {
  readonly path: string;
  readonly form: PackageForm;
  readonly installer: Installer;
  /** What the content hashed to when its place was chosen. */
  readonly hash: string;
  /** Present for installer `python`. */
  readonly environment: PythonEnvironment | undefined;
}

/** One of these makes a folder a project that uv installs. */
const PROJECT_FILES = ["pyproject.toml", "setup.py"];

/** Where the parts of a package lie in its folder. */
export function partsOf(folder: string, installer: Installer, form: PackageForm): InstalledPackage {
  return {
    deps: installer === "python" ? join(folder, "deps") : undefined,
    src: form === "wheel" ? undefined : join(folder, "src"),
  };
}

/**
 * Builds a package in an empty folder; the original is copied first and never written to.
 * @throws FlameError saying what is wrong with it.
 */
export async function buildPackage(
  deps: UvDeps,
  build: PackageBuild,
  folder: string,
): Promise<void> {
  const scratch = join(folder, "scratch");
  await mkdir(scratch, { recursive: true });
  const copy = await copyOf(build, scratch);
  const isDirectory = build.form === "directory";
  if ((await contentHash(copy, isDirectory)) !== build.hash) {
    throw new FlameError("aborted", `it changed while it was copied; the next bind tries again`);
  }
  const { deps: target, src } = partsOf(folder, build.installer, build.form);
  if (src !== undefined) await layOutSources(build, copy, src);
  if (target !== undefined && build.environment !== undefined) {
    const { environment } = build;
    await installPython(deps, { source: src ?? copy, target, scratch, environment });
    if (src !== undefined) await removeVersionControl(src);
  }
  await rm(scratch, { recursive: true, force: true });
}

async function copyOf(build: PackageBuild, scratch: string): Promise<string> {
  if (build.form === "directory") {
    const copy = join(scratch, "src");
    const filter = (path: string): Promise<boolean> => isToCopy(build, path);
    await cp(build.path, copy, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      filter,
    });
    return copy;
  }
  const isWheel = build.form === "wheel";
  const copy = join(scratch, isWheel ? await wheelName(build.path) : basename(build.path));
  await copyFile(build.path, copy);
  if (isWheel) await checkWheel(copy);
  return copy;
}

async function isToCopy(build: PackageBuild, path: string): Promise<boolean> {
  if (path === build.path) return true;
  const [top = ""] = relative(build.path, path).split(sep);
  if (build.installer !== "python" || !isVersionControl(top))
    return !(await isNotOfTheProject(path));
  // Builds ask version control which version this is. The sockets that programs keep there cannot be copied.
  const facts = await lstat(path);
  return facts.isFile() || facts.isDirectory() || facts.isSymbolicLink();
}

/** Its content is not in the hash: nothing may depend on it once the package is built. */
async function removeVersionControl(src: string): Promise<void> {
  for (const name of await readdir(src)) {
    if (isVersionControl(name)) await rm(join(src, name), { recursive: true, force: true });
  }
}

async function layOutSources(build: PackageBuild, copy: string, src: string): Promise<void> {
  let root = copy;
  if (build.form === "archive") {
    root = join(src, "..", "scratch", "unpacked");
    await mkdir(root);
    await unpack(copy, root);
  }
  if (build.installer === "python") root = await projectRoot(root);
  await cp(root, src, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}

// Archives of uploaded projects have the project at their root, source distributions in one folder.
async function projectRoot(root: string): Promise<string> {
  const names = (await readdir(root)).filter((name) => !isClutter(name));
  const [only] = names;
  const inner = names.length === 1 && only !== undefined ? [join(root, only)] : [];
  const candidates = [root, ...inner];
  for (const candidate of candidates) {
    for (const file of PROJECT_FILES) if (await isThere(join(candidate, file))) return candidate;
  }
  const isOld = (
    await Promise.all(candidates.map((each) => isThere(join(each, "setup.cfg"))))
  ).includes(true);
  const files = PROJECT_FILES.join(" or ");
  throw new FlameError(
    "invalid_argument",
    isOld
      ? `it holds a setup.cfg but no ${files}, so installer python cannot install it: add a pyproject.toml with ` +
          `[build-system] requires = ["setuptools"] and build-backend = "setuptools.build_meta", which reads setup.cfg`
      : `it holds no ${files}, so installer python cannot install it`,
  );
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
