import { arrayOf, withoutNul } from "./arrays.ts";

/** One statement with its values. */
export interface Statement {
  /** Under which the server keeps what it made of the text; empty for one that does not come again and again. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly (Buffer | string | number | null)[];
}

/** @param values texts, numbers, and texts of which one parameter has many */
export function statement(
  name: string,
  text: string,
  ...values: readonly (string | number | readonly string[])[]
): Statement {
  return { name, text, values: values.map(parameterOf) };
}

function parameterOf(value: string | number | readonly string[]): Buffer | string | number {
  if (typeof value === "number") return value;
  return typeof value === "string" ? withoutNul(value) : arrayOf("text", value);
}
