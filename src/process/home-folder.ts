import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";

/**
 * Makes a folder of FLAME_HOME with those above it. Step by step: Node's own recursive call never ends where a file
 * system says "no such file" to every try, as /proc does.
 * @param chosenBy the variable or key that names `home`
 * @throws FlameError invalid_config naming it when the folder is not there, not writable, or no folder.
 */
export async function makeHomeFolder(
  home: string,
  folder: string,
  chosenBy: string,
): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (cause) {
    throw unusableHome(home, chosenBy, cause);
  }
}

/** What to say when something in FLAME_HOME cannot be written. */
export function unusableHome(home: string, chosenBy: string, cause: unknown): FlameError {
  return new FlameError(
    "invalid_config",
    `cannot use the folder "${home}": ${textOf(cause)}; set ${chosenBy} to a folder that this user may write to`,
    { cause },
  );
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return;
    const parent = dirname(folder);
    if (codeOf(thrown) !== "ENOENT" || parent === folder) throw thrown;
    await makeFolder(parent);
    await mkdir(folder);
  }
}
