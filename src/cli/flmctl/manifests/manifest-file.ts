import { faultText } from "../../../documents/fault.ts";
import type { CheckedManifest } from "../../../manifest/manifest.ts";
import { FlameError } from "../../../model/errors.ts";
import type { CliContext } from "../../context.ts";
import { tellWarnings } from "./document-faults.ts";
import { readSources } from "./source-texts.ts";
import { checkSources, faultsOf } from "./written-documents.ts";

/**
 * Every manifest of a file, `-` for standard input. When anything is wrong with any of them, all faults are told,
 * each with its line and column, and none is returned.
 * @throws FlameError invalid_config, the fault itself when there is only one.
 */
export async function readManifestFile(
  file: string,
  { terminal, stdin }: Pick<CliContext, "terminal" | "stdin">,
): Promise<readonly CheckedManifest[]> {
  const documents = checkSources(await readSources([file], { stdin }));
  const faults = faultsOf(documents).map(({ document, fault }) =>
    faultText(fault, document.source.name),
  );
  const [first, ...others] = faults;
  if (first === undefined) {
    tellWarnings(documents, terminal);
    return documents.flatMap(({ checked }) => (checked.ok ? [checked] : []));
  }
  if (others.length === 0) throw new FlameError("invalid_config", first);
  for (const fault of faults) terminal.err(`${fault}\n`);
  throw new FlameError("invalid_config", `${file}: ${faults.length} faults, nothing was sent`);
}
