import { type Fault, faultText } from "../../../documents/fault.ts";
import type { SourceText } from "./source-texts.ts";

/** How much of a long line is shown: some before the fault, the rest behind it. */
const EXCERPT_CHARACTERS_MAX = 120;
const BEFORE_CHARACTERS_MAX = 60;
const NUMBER_WIDTH = 5;

// Texts of files must not steer the terminal; one blank for one character keeps the caret in its place.
// eslint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * A fault with its place, and below it the line it is about with a caret under the column:
 *
 *     app.yaml:5:3: spec.ulr: got the unknown key "ulr", ...; did you mean "url"?
 *         5 |   ulr: file:///opt/x.whl
 *           |   ^
 */
export function faultBlock(fault: Fault, source: SourceText): string {
  return `${faultText(fault, source.name)}\n${excerpt(source, fault)}`;
}

/** The offending line and its caret; empty when the fault has no place in the text. */
function excerpt(source: SourceText, { line, column = 1 }: Fault): string {
  const written = line === undefined ? undefined : source.line(line);
  if (written === undefined || written.trim() === "") return "";
  const from = column > EXCERPT_CHARACTERS_MAX ? column - BEFORE_CHARACTERS_MAX : 0;
  const to = from + EXCERPT_CHARACTERS_MAX;
  const head = from > 0 ? "..." : "";
  const shown = head + written.slice(from, to).trimEnd() + (to < written.length ? "..." : "");
  const caret = " ".repeat(head.length + column - 1 - from);
  const number = String(line).padStart(NUMBER_WIDTH);
  return `${number} | ${shown.replaceAll(CONTROL_CHARACTER, " ")}\n${" ".repeat(NUMBER_WIDTH)} | ${caret}^\n`;
}
