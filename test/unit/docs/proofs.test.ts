import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";

const root = resolve(import.meta.dirname, "../../..");

/** A row of docs/proofs.md: what is promised, and the test that proves it. */
interface Proof {
  readonly promise: string;
  readonly file: string;
  readonly name: string;
}

/** Rows look like `| promise | [file](../file) | test name |`. */
function proofs(): Proof[] {
  const rows = readFileSync(join(root, "docs/proofs.md"), "utf8").matchAll(
    /^\| (?<promise>[^|]+) \| \[[^\]]*\]\(\.\.\/(?<file>[^)]+)\) \| (?<name>.+) \|$/gm,
  );
  return [...rows].map(({ groups }) => groups as unknown as Proof);
}

const tableLines = readFileSync(join(root, "docs/proofs.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (-|Promise)/.test(line));

describe("the table of proofs", () => {
  test("has a readable row for each of its lines", () => {
    expect(proofs().length).toBeGreaterThan(0);
    expect(proofs()).toHaveLength(tableLines.length);
  });

  test.each(proofs())("names a living test: $promise", ({ file, name }) => {
    expect(existsSync(join(root, file))).toBe(true);
    // Names stand in the source as they are printed, but for quotes that need escaping there.
    const source = readFileSync(join(root, file), "utf8").replaceAll("\\", "");
    expect(source).toContain(name);
  });
});
