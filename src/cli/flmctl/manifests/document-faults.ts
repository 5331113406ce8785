import { FlameError } from "../../../model/errors.ts";
import type { Terminal } from "../../output/terminal.ts";
import { faultBlock } from "./fault-excerpt.ts";
import { faultsOf, type WrittenDocument, warningsOfAll } from "./written-documents.ts";

/**
 * Prints every fault of every document with the line that it is about.
 * @returns what was found in numbers, such as `2 faults in 3 documents`; undefined when all is well
 */
export function tellFaults(
  documents: readonly WrittenDocument[],
  terminal: Terminal,
): string | undefined {
  const faults = faultsOf(documents);
  for (const { document, fault } of faults) terminal.err(faultBlock(fault, document.source));
  if (faults.length === 0) return undefined;
  return `${counted(faults.length, "fault")} in ${counted(documents.length, "document")}`;
}

/** Prints every warning of every document without faults; nothing is refused for them. @returns how many there are */
export function tellWarnings(documents: readonly WrittenDocument[], terminal: Terminal): number {
  const warnings = warningsOfAll(documents);
  for (const { document, fault } of warnings)
    terminal.err(`Warning: ${faultBlock(fault, document.source)}`);
  return warnings.length;
}

/** @throws FlameError invalid_config when any document has a fault, after all of them were printed */
export function refuseFaults(documents: readonly WrittenDocument[], terminal: Terminal): void {
  const found = tellFaults(documents, terminal);
  if (found !== undefined) throw new FlameError("invalid_config", `${found}; nothing was sent`);
}

/** `1 fault`, `2 faults`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
