import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";

const root = resolve(import.meta.dirname, "../../..");
const text = readFileSync(join(root, "docs/quirks.md"), "utf8");

/** A row of docs/quirks.md: what the published server does, what this one does, and the test that shows it. */
interface Row {
  readonly quirk: string;
  readonly file: string;
  readonly name: string;
}

/** Rows look like `| quirk | here | [file](../file) | test name |`. */
function rows(): Row[] {
  const found = text.matchAll(
    /^\| (?<quirk>[^|]+) \| [^|]+ \| \[[^\]]*\]\(\.\.\/(?<file>[^)]+)\) \| (?<name>[^|]+) \|$/gm,
  );
  return [...found].map(({ groups }) => groups as unknown as Row);
}

describe("the table of quirks", () => {
  test("has a readable row for each of its lines", () => {
    const lines = text
      .split("\n")
      .filter((line) => line.startsWith("| ") && !line.startsWith("| Flame 0.6.0"));
    expect(rows().length).toBeGreaterThan(0);
    expect(rows()).toHaveLength(lines.length);
  });

  test.each(rows())("names a living test: $quirk", ({ file, name }) => {
    expect(existsSync(join(root, file))).toBe(true);
    const source = readFileSync(join(root, file), "utf8").replaceAll("\\", "");
    expect(source).toContain(name);
  });
});
