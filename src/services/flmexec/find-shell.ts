import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { FlameError } from "../../model/errors.ts";

/** Shells that take a script's file as their argument. */
const SHELLS = ["bash", "sh", "dash", "ash", "ksh", "zsh", "fish"];
/** Where they lie when the service has no PATH. */
const USUAL_PATH = "/usr/local/bin:/usr/bin:/bin";

/**
 * The path of the shell that `runtime` names, or of bash.
 * @throws FlameError invalid_argument for what is no shell, not_found for one that this node has not
 */
export async function findShell(
  runtime: string | undefined,
  path: string = USUAL_PATH,
): Promise<string> {
  const name = runtime ?? "bash";
  if (!SHELLS.includes(name)) {
    throw new FlameError(
      "invalid_argument",
      `runtime of a shell script: got ${JSON.stringify(name)}, expected one of ${SHELLS.join(", ")}`,
    );
  }
  const found = await firstOf(name, path);
  if (found !== undefined) return found;
  const others: string[] = [];
  for (const other of SHELLS) if ((await firstOf(other, path)) !== undefined) others.push(other);
  const advice =
    others.length === 0 ? "install one" : "name one of these as runtime, or install it";
  throw new FlameError(
    "not_found",
    `this node has no ${name} in ${path}; it has ${others.join(", ") || "no shell at all"}: ${advice}`,
  );
}

async function firstOf(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const program = join(folder, name);
    const isThere = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== "" && isThere) return program;
  }
  return undefined;
}
