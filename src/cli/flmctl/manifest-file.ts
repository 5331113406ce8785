import { readFile } from "node:fs/promises";
import { faultText } from "../../documents/fault.ts";
import { textOf } from "../../kit/thrown.ts";
import { type CheckedManifest, readManifests } from "../../manifest/manifest.ts";

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
  const results = readManifests(await readText(file), { allowedSchemes: SERVER_DECIDES });
  const faults = results.flatMap((result) =>
    result.ok ? [] : result.faults.map((fault) => faultText(fault, file)),
  );
  const [first, ...others] = faults;
  if (first === undefined) return results.filter((result) => result.ok);
  if (others.length === 0) throw new FlameError("invalid_config", first);
  for (const fault of faults) terminal.err(`${fault}\n`);
  throw new FlameError("invalid_config", `${file}: ${faults.length} faults, nothing was sent`);
}

async function readText(file: string): Promise<string> {
  try {
    const bytes = await readFile(file === "-" ? "/dev/stdin" : file);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FlameError("invalid_config", `cannot read ${file}: ${textOf(cause)}`, { cause });
  }
}
