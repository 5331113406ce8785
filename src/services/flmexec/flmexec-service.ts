import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { captureOutput } from "../../process/capture-output.ts";
import { describeExit } from "../../process/exit-facts.ts";
import type { FlameService } from "../serve-instance.ts";
import { findPython, type PythonDeps } from "./find-python.ts";
import { findShell } from "./find-shell.ts";
import { readScriptInput, type ScriptInput } from "./script-input.ts";

/** What flmexec needs from its surroundings. */
export interface ExecDeps {
  /** FLAME_HOME. */
  readonly home: string;
  /** The service's environment, of which a script sees the part that it needs. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A folder for scripts. */
  readonly temporary: string;
  /** Gets one line about each script that did not end with exit code 0. */
  readonly log: (line: string) => void;
}

/** Each byte takes up to four characters of the answer, which has to fit into one message. */
const OUTPUT_BYTES_MAX = 1_000_000;

const FILES: Readonly<Record<ScriptInput["language"], string>> = {
  shell: "script.sh",
  python: "script.py",
};

/** Interpreters that are remembered. */
const FOUND_MAX = 64;

const PASSED_ON = /^(PATH|HOME|TMPDIR|FLAME_.*)$/;

/**
 * The service behind `flmexec`: runs shell and Python scripts and answers what they print on standard output.
 * A script that fails has printed what it has printed: its exit code does not fail the task.
 */
export function execService(deps: ExecDeps): FlameService {
  const passedOn = Object.fromEntries(
    Object.entries(deps.env).filter(
      (entry): entry is [string, string] => PASSED_ON.test(entry[0]) && entry[1] !== undefined,
    ),
  );
  const uvCache = join(deps.home, "data", "cache", "uv");
  const env = { ...passedOn, UV_PYTHON_DOWNLOADS: "never", UV_CACHE_DIR: uvCache };
  const python = pythonFinder({ home: deps.home, env, cwd: deps.temporary });
  return {
    onTaskInvoke: async ({ input }) => {
      const script = readScriptInput(input);
      const folder = await mkdtemp(join(deps.temporary, "flmexec-"));
      try {
        const file = join(folder, FILES[script.language]);
        await writeFile(file, script.code);
        const { output, exit } = await captureOutput({
          ...(script.language === "shell"
            ? { command: await findShell(script.runtime, deps.env["PATH"]), args: [file] }
            : uvRun(deps.home, await python(script.runtime), file)),
          cwd: folder,
          env,
          input: script.input,
          outputBytesMax: OUTPUT_BYTES_MAX,
        });
        if (exit.code !== 0)
          deps.log(`a ${script.language} script ended with ${describeExit(exit)}`);
        return Buffer.from(JSON.stringify({ data: [...output] }));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** A script may name what it requires at its head; without such a head uv resolves nothing. */
function uvRun(home: string, python: string, file: string): { command: string; args: string[] } {
  const args = ["run", "--no-project", "--python", python, file];
  return { command: join(home, "bin", "uv"), args };
}

/** Finds interpreters, each once: looking through a node takes longer than a short script. */
function pythonFinder(deps: PythonDeps): (runtime: string | undefined) => Promise<string> {
  const found = new Map<string | undefined, string>();
  return async (runtime) => {
    const python = found.get(runtime) ?? (await findPython(deps, runtime));
    if (found.size < FOUND_MAX) found.set(runtime, python);
    return python;
  };
}
