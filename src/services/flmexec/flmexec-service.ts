import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { captureOutput } from "../../process/capture-output.ts";
import { describeExit } from "../../process/exit-facts.ts";
import type { FlameService } from "../serve-instance.ts";
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

const PASSED_ON = /^(PATH|HOME|TMPDIR|FLAME_.*)$/;

/**
 * The service behind `flmexec`: runs shell and Python scripts and answers what they print on standard output.
 * A script that fails has printed what it has printed: its exit code does not fail the task.
 */
export function execService(deps: ExecDeps): FlameService {
  const env = Object.fromEntries(
    Object.entries(deps.env).filter(
      (entry): entry is [string, string] => PASSED_ON.test(entry[0]) && entry[1] !== undefined,
    ),
  );
  return {
    onTaskInvoke: async ({ input }) => {
      const script = readScriptInput(input);
      const folder = await mkdtemp(join(deps.temporary, "flmexec-"));
      try {
        const { command, args } = await commandOf(script, deps.home, folder);
        const { output, exit } = await captureOutput({
          command,
          args,
          cwd: folder,
          env: {
            ...env,
            UV_PYTHON_DOWNLOADS: "never",
            UV_CACHE_DIR: join(deps.home, "data", "cache", "uv"),
          },
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

async function commandOf(
  script: ScriptInput,
  home: string,
  folder: string,
): Promise<{ command: string; args: string[] }> {
  if (script.language === "shell") return { command: "/bin/sh", args: ["-c", script.code] };
  const file = join(folder, "script.py");
  await writeFile(file, script.code);
  // A script may name what it requires at its head; without such a head uv resolves nothing.
  const python = script.runtime ?? join(home, "work", "flmrun", ".venv", "bin", "python");
  return {
    command: join(home, "bin", "uv"),
    args: ["run", "--no-project", "--python", python, file],
  };
}
