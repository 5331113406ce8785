import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { stringify } from "yaml";

/** One call that reached the recorder service (test/fixtures/python/recorder.py). */
export interface RecordedCall {
  readonly pid: number;
  readonly call: "enter" | "invoke" | "done" | "leave";
  readonly session?: string;
  readonly task?: string;
  readonly application?: Readonly<Record<string, string | null>>;
  readonly common_data?: string | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly arguments?: readonly string[];
  readonly cwd?: string;
}

const program = resolve(import.meta.dirname, "../fixtures/python/recorder.py");

/** A manifest of the recorder service that writes into `file`; `spec` is merged over it. */
export function recorderManifest(
  name: string,
  file: string,
  spec: Record<string, unknown> = {},
): string {
  const { environments, ...rest } = spec as { environments?: Record<string, string> };
  return stringify({
    metadata: { name },
    spec: {
      command: "${FLAME_HOME}/work/flmrun/.venv/bin/python",
      arguments: [program],
      environments: { RECORDER_FILE: file, ...environments },
      ...rest,
    },
  });
}

/** What was recorded so far. */
export function recorded(file: string): RecordedCall[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RecordedCall);
}

/** A file of this name in the folder of a test cluster. */
export function recorderFile(home: string, name: string): string {
  return join(home, `${name}.jsonl`);
}
