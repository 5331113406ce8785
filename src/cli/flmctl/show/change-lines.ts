import type { FieldDifference } from "../../../client/index.ts";
import { yamlText } from "../../output/documents.ts";

/** Lines around a change in a list or a long text that are shown as they are. */
const CONTEXT_LINES = 2;

/**
 * What differs, field by field: the lines of YAML that go with `-`, those that come with `+`. Of a list or a text of
 * several lines only what differs is shown, and two lines around it.
 *
 *     - delay_release: 60
 *     + delay_release: 5
 *       arguments:
 *         - run
 *     +   - --offline
 */
export function changeLines(changes: readonly FieldDifference[], indent = "  "): string {
  return changes
    .flatMap(fieldLines)
    .map((line) => `${indent}${line}\n`)
    .join("");
}

function fieldLines({ path, before, after }: FieldDifference): string[] {
  if (before === undefined) return valueLines(path, after).map((line) => `+ ${line}`);
  if (after === undefined) return valueLines(path, before).map((line) => `- ${line}`);
  return between(valueLines(path, before), valueLines(path, after));
}

/** `path: value` as YAML writes it. */
function valueLines(path: string, value: unknown): string[] {
  return yamlText({ [path]: value })
    .trimEnd()
    .split("\n");
}

/** The lines that two values begin and end with alike, apart from what lies between. */
function between(before: readonly string[], after: readonly string[]): string[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const same = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
  const begin = before.slice(0, head);
  const end = before.slice(before.length - tail);
  const skipped = begin.length > CONTEXT_LINES + 1;
  return [
    ...same(skipped ? begin.slice(0, 1) : begin),
    ...(skipped ? ["  ..."] : []),
    ...same(skipped ? begin.slice(-CONTEXT_LINES) : []),
    ...before.slice(head, before.length - tail).map((line) => `- ${line}`),
    ...after.slice(head, after.length - tail).map((line) => `+ ${line}`),
    ...same(end.slice(0, CONTEXT_LINES)),
    ...(end.length > CONTEXT_LINES ? ["  ..."] : []),
  ];
}
