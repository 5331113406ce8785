import type { RegistryApplication } from "../../../client/index.ts";
import { type Fault, faultText } from "../../../documents/fault.ts";
import { timestamp } from "../../output/times.ts";
import { counted } from "./document-faults.ts";

/** Begins our own comments, so that those of the user are left alone. */
const MARK = "#:";

/** What is wrong with an edited text: a fault with its line in it, or words of the registry. */
export type EditFault = Fault | string;

/** The comments above an edited manifest; the lines that they name are those of the file, comments included. */
export function editHeader(
  { name, revision }: RegistryApplication,
  faults: readonly EditFault[],
): string {
  const by = `made by ${revision.author} at ${timestamp(revision.time)}`;
  const lines = [
    `application/${name}, revision ${revision.number}, ${by}.`,
    "Save and close to apply it; close it as it is, or empty, to change nothing.",
    ...(faults.length === 0
      ? []
      : ["", `${counted(faults.length, "fault")}, nothing was changed:`]),
  ];
  // A text of the registry is one line as long as no plugin breaks it.
  const texts = faults.map((fault) => (typeof fault === "string" ? fault.split("\n") : [fault]));
  const height = lines.length + texts.flat().length;
  const told = texts
    .flat()
    .map((fault) => (typeof fault === "string" ? fault : below(fault, height)));
  return [...lines, ...told].map((line) => `${MARK} ${line}`.trimEnd() + "\n").join("");
}

function below(fault: Fault, height: number): string {
  if (fault.line === undefined) return faultText(fault);
  return `line ${faultText({ ...fault, line: fault.line + height })}`;
}

/** The text without our comments. */
export function withoutHeader(text: string): string {
  return text
    .split(/(?<=\n)/)
    .filter((line) => !line.startsWith(MARK))
    .join("");
}

/** True when there is nothing but comments and blank lines. */
export function isBlank(text: string): boolean {
  return text.split("\n").every((line) => /^\s*(#.*)?$/.test(line));
}
