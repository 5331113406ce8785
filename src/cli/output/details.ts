const LABEL_WIDTH = 15;

/** `Name:          value`: a label in 15 columns, then its value. */
export function labelled(label: string, value: string): string {
  return `${`${label}:`.padEnd(LABEL_WIDTH)}${value}\n`;
}

/** A label with a value per line below it, each behind `indent`. */
export function listed(label: string, values: readonly string[], indent = "\t"): string {
  return `${label}:\n${values.map((value) => `${indent}${value}\n`).join("")}`;
}
