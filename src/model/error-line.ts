import { textOf } from "../kit/thrown.ts";

/**
 * How programs tell people of a failure: `Error: ` and what it says. Further lines are indented: they are seen to belong to it.
 * @param code of the error, for who asked for it
 */
export function errorLine(thrown: unknown, code?: string): string {
  const text = textOf(thrown).trim().replaceAll("\n", "\n  ");
  return `Error${code === undefined ? "" : ` (${code})`}: ${text}`;
}
