import { readFile } from "node:fs/promises";
import { faultText } from "../../documents/fault.ts";
import { textOf } from "../../kit/thrown.ts";
import {
  type CheckedManifest,
  type RepeatedName,
  readManifests,
  repeatedNames,
} from "../../manifest/manifest.ts";

import { FlameError } from "../../model/errors.ts";
import type { Terminal } from "../output/terminal.ts";

/** Whether the cluster takes these is configured there (`packages.allowed_schemes`): its answer counts. */
const SERVER_DECIDES = ["http", "https"];

/**
 * Every manifest of a file, `-` for standard input. When anything is wrong with any of them, all faults are told,
 * each with its line and column, and none is returned.
 * @throws FlameError invalid_config, the fault itself when there is only one.
 */
export async function readManifestFile(
  file: string,
  terminal: Terminal,
): Promise<readonly CheckedManifest[]> {
  const text = await readText(file);
  const results = readManifests(text, { allowedSchemes: SERVER_DECIDES });
  const broken = results.flatMap((result) =>
    result.ok ? [] : result.faults.map((fault) => faultText(fault, file)),
  );
  const faults = [...broken, ...repeatedNames(text).map((repeated) => repeatText(repeated, file))];
  const [first, ...others] = faults;
  if (first === undefined) return results.filter((result) => result.ok);
  if (others.length === 0) throw new FlameError("invalid_config", first);
  for (const fault of faults) terminal.err(`${fault}\n`);
  throw new FlameError("invalid_config", `${file}: ${faults.length} faults, nothing was sent`);
}

/** With every place, since any of them may be the wrong one. */
function repeatText({ name, places }: RepeatedName, file: string): string {
  const [first, ...others] = places.map(({ line, column }) => `${line}:${column}`);
  const fault = {
    rule: "repeated-name",
    path: "metadata.name",
    got: `"${name}" again, as at ${[first, ...others.slice(0, -1)].join(", ")}`,
    expected: "each application in one document of the file",
    ...places.at(-1),
  };
  return faultText(fault, file);
}

async function readText(file: string): Promise<string> {
  try {
    const bytes = await readFile(file === "-" ? "/dev/stdin" : file);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FlameError("invalid_config", `cannot read ${file}: ${textOf(cause)}`, { cause });
  }
}
