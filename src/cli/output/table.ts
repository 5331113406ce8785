// Texts of servers and users must not steer the terminal or break a row.
// eslint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]+/g;

/**
 * The layout of the flag forms (docs/protocol.md, "Tools"): every cell padded by one space on each side,
 * columns as wide as their longest cell, left aligned, trailing spaces kept. A missing value is shown as `blank`.
 */
export function paddedTable(rows: readonly (readonly string[])[], blank = "-"): string {
  const cells = rows.map((row) => row.map((cell) => cellText(cell, blank)));
  const widths = columnWidths(cells);
  return cells
    .map((row) => `${row.map((cell, i) => ` ${cell.padEnd(widths[i] ?? 0)} `).join("")}\n`)
    .join("");
}

/**
 * The layout of the natural forms: two spaces between columns, nothing behind the last. Missing values are
 * a `-`, so that every row has the same number of columns for awk.
 */
export function plainTable(rows: readonly (readonly string[])[]): string {
  return new GrowingTable().add(rows);
}

/** The same layout for rows that come one after the other: columns grow, and never shrink. */
export class GrowingTable {
  #widths: number[] = [];

  /** The lines of further rows. */
  add(rows: readonly (readonly string[])[]): string {
    const cells = rows.map((row) => row.map((cell) => cellText(cell, "-")));
    this.#widths = columnWidths([this.#widths.map((width) => " ".repeat(width)), ...cells]);
    return cells
      .map((row) => row.map((cell, i) => cell.padEnd(this.#widths[i] ?? 0)).join("  "))
      .map((line) => `${line.trimEnd()}\n`)
      .join("");
  }
}

function cellText(text: string, blank: string): string {
  const clean = text.replaceAll(CONTROL_CHARACTERS, " ").trim();
  return clean === "" ? blank : clean;
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return widths;
}
