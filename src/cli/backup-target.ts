import { existsSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { isDatabaseFile } from "../files/sqlite-header.ts";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";

/** A name on the command line: empty ones and `-` are misunderstandings, since nothing is written to stdout. */
export function targetName(text: string): string {
  if (text === "") throw new InvalidArgumentError("got an empty name, expected where to write it.");
  if (text === "-") {
    throw new InvalidArgumentError(
      'got "-", and nothing is written to stdout; expected a name (./- for one that is called so).',
    );
  }
  return text;
}

/**
 * Looks before anything is asked of a cluster whether a backup may be written to `file`: a new one, an empty one or an
 * older backup. Whatever else is there would be lost.
 * @throws FlameError invalid_argument saying what is there.
 */
export async function refuseTakenFile(file: string): Promise<void> {
  const wrong = (what: string, advice: string): FlameError =>
    new FlameError("invalid_argument", `cannot write the backup to ${file}: ${what}; ${advice}`);
  const facts = await factsOf(file, wrong);
  if (facts === undefined) return;
  if (facts.isDirectory()) throw wrong("it is a folder", "name a file in it");
  if (facts.isSymbolicLink()) throw wrong("it is a link", "name the file itself, or another one");
  if (!facts.isFile()) throw wrong("it is no file", "name a file");
  if (existsSync(`${file}-wal`) || existsSync(`${file}.lock`)) {
    throw wrong("it is a database that is used as one, not a backup", "name another file");
  }
  if (facts.size > 0 && !(await isDatabaseFile(file).catch(() => false))) {
    throw wrong("it is there already and is no backup", "remove it, or name another file");
  }
}

/** @throws FlameError invalid_argument unless nothing is at `folder`. */
export async function refuseTakenFolder(folder: string): Promise<void> {
  const wrong = (what: string, advice: string): FlameError =>
    new FlameError("invalid_argument", `cannot write the backup to ${folder}: ${what}; ${advice}`);
  if ((await factsOf(folder, wrong)) === undefined) return;
  throw wrong("it is there already", "name a folder that is not there yet");
}

async function factsOf(path: string, wrong: (what: string, advice: string) => FlameError) {
  try {
    return await lstat(path);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw wrong(textOf(thrown), "name another place");
  }
}
