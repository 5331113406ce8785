import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Env, envValue } from "../../../config/env.ts";
import { codeOf } from "../../../kit/thrown.ts";
import { runEditor } from "../../../process/run-editor.ts";
import { decoded } from "./source-texts.ts";

/** A file that somebody edits; nobody else can read it. */
export interface EditedFile {
  readonly path: string;
  write(text: string): Promise<void>;
  /** What is in it; nothing when somebody removed it. @throws FlameError invalid_config when it is no UTF-8 */
  read(): Promise<string>;
  /** Opens the editor and waits until it is closed. @throws FlameError as runEditor does */
  open(): Promise<void>;
  remove(): Promise<void>;
}

/** Names of files have 255 bytes at most, those of applications 253. */
const NAME_CHARACTERS_MAX = 200;

/** A new file in a folder of its own, named for the application so that editors know what it is. */
export async function editedFile(name: string, editor: string, env: Env): Promise<EditedFile> {
  const folder = await mkdtemp(join(envValue(env, "TMPDIR") ?? tmpdir(), "flmctl-edit-"));
  const path = join(folder, `${name.slice(0, NAME_CHARACTERS_MAX)}.yaml`);
  return {
    path,
    write: (text) => writeFile(path, text, { mode: 0o600 }),
    read: async () => decoded(path, await readFile(path).catch(emptyIfGone)),
    open: () => runEditor(editor, path, env),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function emptyIfGone(thrown: unknown): Uint8Array {
  if (codeOf(thrown) === "ENOENT") return new Uint8Array();
  throw thrown;
}
