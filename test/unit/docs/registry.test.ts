import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";

const root = resolve(import.meta.dirname, "../../..");
const text = readFileSync(join(root, "docs/registry.md"), "utf8");

/** A row of a table of cases: what is there, what happens, and the test that shows it. */
interface Row {
  readonly what: string;
  readonly file: string;
  readonly name: string;
}

/** Rows look like `| case | what happens | [file](../file) | test name |`. */
function rows(): Row[] {
  const found = text.matchAll(
    /^\| (?<what>[^|]+) \| [^|]+ \| \[[^\]]*\]\(\.\.\/(?<file>[^)]+)\) \| (?<name>[^|]+) \|$/gm,
  );
  return [...found].map(({ groups }) => groups as unknown as Row);
}

describe("the tables of cases in docs/registry.md", () => {
  test("have a readable row for each line that names a test", () => {
    const lines = text.split("\n").filter((line) => /^\|.*\.test\.ts\)/.test(line));
    expect(rows().length).toBeGreaterThan(20);
    expect(rows()).toHaveLength(lines.length);
  });

  test.each(rows())("name a living test: $what", ({ file, name }) => {
    expect(existsSync(join(root, file))).toBe(true);
    expect(readFileSync(join(root, file), "utf8").replaceAll("\\", "")).toContain(name);
  });

  test("have a row for each test of what becomes of a default application", () => {
    const file = "test/unit/application-registry/seeding.test.ts";
    const [, source = ""] = readFileSync(join(root, file), "utf8").split("\ndescribe(");
    const names = [...source.matchAll(/^ {2}it\("(?<name>that|whose|of which)[^"]*/gm)];
    const told = rows().map(({ name }) => name);
    for (const [name] of names) expect(told).toContain(name.slice('  it("'.length));
    expect(names.length).toBeGreaterThan(15);
  });
});
