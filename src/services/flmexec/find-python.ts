import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { flameHomeAt } from "../../config/flame-home.ts";
import { FlameError } from "../../model/errors.ts";
import { captureOutput } from "../../process/capture-output.ts";
import { pythonVersionOf } from "../../process/python-version.ts";

/** Path of an interpreter, and then a new line. */
const ANSWER_BYTES_MAX = 65_536;

/** Where interpreters are looked for. */
export interface PythonDeps {
  /** FLAME_HOME. */
  readonly home: string;
  /** Of uv, which looks through the node. */
  readonly env: Readonly<Record<string, string>>;
  /** An existing folder. */
  readonly cwd: string;
}

/**
 * The interpreter of a Python script: one of flmrun's where its version is what `runtime` asks for, so that scripts find flamepy;
 * else whichever the node has.
 * @param runtime a version such as `3.12`, or an absolute path; undefined: flmrun's own
 * @throws FlameError invalid_argument for what is neither, not_found for what this node has not
 */
export async function findPython(deps: PythonDeps, runtime: string | undefined): Promise<string> {
  const { flmrun } = flameHomeAt(deps.home);
  const own = join(flmrun, ".venv");
  if (runtime === undefined) {
    if ((await pythonVersionOf(own)) !== undefined) return interpreterIn(own);
    throw new FlameError("not_found", `this node has no Python of flmrun: ${own} is missing`);
  }
  const version = /^(?:python)?(\d+(?:\.\d+){0,2})$/i.exec(runtime)?.[1];
  if (version === undefined && !runtime.startsWith("/")) {
    throw new FlameError(
      "invalid_argument",
      `runtime of a Python script: got ${JSON.stringify(runtime)}, expected a version such as 3.12, or the absolute path of an interpreter`,
    );
  }
  for (const folder of version === undefined ? [] : await environmentsOf(flmrun)) {
    if (isWithin(version ?? "", await pythonVersionOf(folder))) return interpreterIn(folder);
  }
  return await askUv(deps, version ?? runtime);
}

const interpreterIn = (folder: string): string => join(folder, "bin", "python");

/** flmrun's own environment, and those beside it for other versions. */
async function environmentsOf(flmrun: string): Promise<readonly string[]> {
  const names = await readdir(flmrun).catch(() => []);
  return names.filter((name) => /^\.venv(-\d|$)/.test(name)).map((name) => join(flmrun, name));
}

/** Whether 3.12.1 is what 3.12 asks for. */
function isWithin(wanted: string, version: string | undefined): boolean {
  return version === wanted || version?.startsWith(`${wanted}.`) === true;
}

async function askUv({ home, env, cwd }: PythonDeps, wanted: string): Promise<string> {
  const { output, exit } = await captureOutput({
    command: join(home, "bin", "uv"),
    args: ["python", "find", "--no-project", wanted],
    cwd,
    env,
    input: Buffer.alloc(0),
    outputBytesMax: ANSWER_BYTES_MAX,
  });
  const found = output.toString("utf8").trim();
  if (exit.code === 0 && found !== "") return found;
  const { flmrun } = flameHomeAt(home);
  const versions = await Promise.all((await environmentsOf(flmrun)).map(pythonVersionOf));
  const own = versions.filter((version) => version !== undefined).join(", ");
  const what = wanted.startsWith("/") ? `no Python at ${wanted}` : `no Python ${wanted}`;
  throw new FlameError(
    "not_found",
    `this node has ${what}; flmrun has ${own === "" ? "none" : own}: install it on the node, or leave runtime out`,
  );
}
