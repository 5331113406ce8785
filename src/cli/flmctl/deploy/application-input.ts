import type { Stats } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type FolderContents, folderContents, packed } from "../../../archives/folder-contents.ts";
import { isClutter, isNotOfTheProject } from "../../../archives/not-of-the-project.ts";
import { unpack } from "../../../archives/unpack.ts";
import { textOf } from "../../../kit/thrown.ts";
import { FlameError } from "../../../model/errors.ts";

/** What `--application` may lead to. */
export type InputKind = "directory" | "tar.gz" | "executable-file";

/** What is going to be packed. */
export interface ApplicationInput extends FolderContents {
  readonly kind: InputKind;
}

const EXECUTABLE = 0o111;

/**
 * Reads what lies at a path.
 * @param scratch an existing folder, where an archive is unpacked
 * @throws FlameError invalid_config for what no application is made of, invalid_argument for what no package may hold
 */
export async function readApplication(path: string, scratch: string): Promise<ApplicationInput> {
  const facts = await stat(path).catch((cause: unknown) => {
    throw refused(`--application: cannot read ${path}: ${textOf(cause)}`, cause);
  });
  const kind = kindOf(path, facts);
  const input: ApplicationInput = { kind, ...(await contentsOf(kind, path, facts, scratch)) };
  if (input.files.length > 0) return input;
  const left = input.leftOut.length === 0 ? "" : ` but ${input.leftOut.join(", ")}`;
  throw refused(`--application: ${path} holds no file${left}, expected a project or a program`);
}

function kindOf(path: string, facts: Stats): InputKind {
  if (facts.isDirectory()) return "directory";
  if (!facts.isFile()) throw refused(`--application: ${path} is neither a file nor a directory`);
  if (/\.(tar\.gz|tgz)$/.test(path)) return "tar.gz";
  if ((facts.mode & EXECUTABLE) !== 0) return "executable-file";
  throw refused(
    `--application: got ${path}, expected a directory, a .tar.gz or .tgz archive, or an executable file; ${adviceFor(path)}`,
  );
}

function adviceFor(path: string): string {
  if (path.endsWith(".whl"))
    return "of a wheel: deploy the folder or source archive that it was built from, or register the wheel with spec.url";
  if (/\.(zip|tar(\.\w+)?|tbz2?|txz)$/.test(path)) return "unpack it and deploy the folder";
  return `if it is a program: chmod +x ${path}`;
}

async function contentsOf(
  kind: InputKind,
  path: string,
  facts: Stats,
  scratch: string,
): Promise<FolderContents> {
  if (kind === "executable-file")
    return { files: [packed(`bin/${basename(path)}`, path, facts)], leftOut: [] };
  if (kind === "directory") return await folderContents(path, isNotOfTheProject);
  const root = join(scratch, "unpacked");
  await mkdir(root);
  await unpack(path, root);
  return withoutTop(await folderContents(root, async (each) => isClutter(basename(each))));
}

/** Source archives hold one folder with everything in it. */
function withoutTop(contents: FolderContents): FolderContents {
  const [top = "", ...others] = new Set(contents.files.map(({ name }) => name.split("/")[0]));
  const isFolder = contents.files[0]?.name.startsWith(`${top}/`) === true;
  if (others.length > 0 || !isFolder) return contents;
  const inner = contents.files.map((file) => ({ ...file, name: file.name.slice(top.length + 1) }));
  return { ...contents, files: inner };
}

function refused(text: string, cause?: unknown): FlameError {
  return new FlameError("invalid_config", text, { cause });
}
