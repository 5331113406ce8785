import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "@jest/globals";
import {
  type CheckedManifest,
  checkManifest,
  type FaultyManifest,
  readManifests,
} from "../../../src/manifest/manifest.ts";
import { wireText } from "../../../src/manifest/manifest-fault.ts";
import { toYaml } from "../../../src/manifest/to-yaml.ts";

function faultsOf(text: string): FaultyManifest["faults"] {
  const faulty = readManifests(text).find((result) => !result.ok);
  if (faulty?.ok !== false) throw new Error("the manifest was accepted");
  return faulty.faults;
}

describe("hostile YAML", () => {
  const laughs = ["a: &a [x,x,x,x,x,x,x,x,x,x]"];
  for (const [i, name] of "bcdefghi".split("").entries()) {
    const before = "abcdefgh"[i] ?? "";
    laughs.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(",")}]`);
  }
  it.each([
    ["aliases within aliases", laughs.join("\n")],
    ["an alias of itself", "metadata: &a [*a]\nspec: {}"],
    [
      "a big value behind many aliases",
      `a: &a "${"x".repeat(100_000)}"\nb: [${"*a,".repeat(900)}]`,
    ],
    ["lists without end", "[".repeat(100_000)],
    ["mappings without end", "{a: ".repeat(50_000)],
    ["sequences without end", "- ".repeat(50_000)],
    [
      "block mappings without end",
      Array.from({ length: 2000 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
    ],
    ["control characters", "\u0000\u0001"],
    ["a mapping as key", "{a: b}: c"],
    ["a tag of its own", "metadata: !!js/function x\nspec: !foo {}"],
    ["a date of YAML 1.1", "%YAML 1.1\n---\nmetadata: {name: a}\nspec: {environments: 2001-01-01}"],
    ["bytes", "%YAML 1.1\n---\nmetadata: {name: a}\nspec: {command: !!binary aGk=}"],
    ["a merge key", "metadata: {name: a}\nspec:\n  <<: {command: x}"],
    ["a key __proto__", "metadata: {name: a}\n__proto__: {spec: {}}\nspec: {__proto__: 1}"],
  ])("with %s is answered with faults", (_what, text) => {
    expect(faultsOf(text).length).toBeGreaterThan(0);
  });
});

/** Mulberry32: the same cases at every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const MANIFEST = `metadata:
  name: my-app
spec:
  description: |
    Two
    lines
  arguments: [run, "-n"]
  environments:
    A: "1"
  schema: { input: '{"type":"object"}' }
  url: file:///opt/example/my-app.whl
`;

const BITS = [
  "&a ",
  "*a",
  "<<: *a",
  "\t",
  "---\n",
  "...\n",
  "!!binary x",
  "? ",
  ": ",
  "- ",
  "[",
  "]",
  "{",
  "}",
  "|",
  ">",
];
BITS.push(
  "'",
  '"',
  "#",
  "%YAML 1.1\n",
  "\u0000",
  "\uFEFF",
  "\r\n",
  "__proto__: 1",
  "1e999",
  "0x1F",
  "~",
  "\ud800",
  "  ",
  "\n",
);

/** Warnings stand elsewhere in another text of the same manifest. */
function withoutPlaces(result: CheckedManifest | FaultyManifest): object {
  if (!result.ok) return result;
  const warnings = result.warnings.map(({ line: _line, column: _column, ...rest }) => rest);
  return { ...result, warnings };
}

/** What a result must keep, or undefined when all is well. */
function broken(text: string): string | undefined {
  const lines = text.split("\n").length;
  for (const result of readManifests(text)) {
    if (result.ok) {
      const [again] = readManifests(toYaml(result.name, result.manifest)).map(withoutPlaces);
      if (!isDeepStrictEqual(again, withoutPlaces(result)))
        return `its YAML says something else: ${JSON.stringify(again)}`;
      continue;
    }
    if (wireText(result.faults) === "") return "a result with neither manifest nor fault";
    const outside = result.faults.find(({ line = 0 }) => line < 1 || line > lines + 1);
    if (outside !== undefined) return `a fault outside the text: ${JSON.stringify(outside)}`;
  }
  return undefined;
}

describe("random input", () => {
  it("of 2000 broken texts is answered with faults in the text, or read and written again unchanged", () => {
    const below = random(1);
    for (let i = 0; i < 2000; i++) {
      let text = MANIFEST;
      for (let edits = 1 + below(4); edits > 0; edits--) {
        const at = below(text.length + 1);
        text = text.slice(0, at) + (BITS[below(BITS.length)] ?? "") + text.slice(at + below(6));
      }
      expect([text, broken(text)]).toEqual([text, undefined]);
    }
  });

  it("of 2000 odd texts in a manifest survives its YAML", () => {
    const below = random(2);
    const text = (): string =>
      Array.from({ length: below(10) }, () => BITS[below(BITS.length)] ?? "")
        .join("")
        // Half a character is refused in a text (yaml-scalars.test.ts).
        .replaceAll("\ud800", "");
    for (let i = 0; i < 2000; i++) {
      const spec = {
        command: "x",
        description: text(),
        labels: [text(), text()],
        environments: { k: text().replaceAll("\0", "") },
      };
      const result = checkManifest({ metadata: { name: "a" }, spec });
      const again = readManifests(toYaml("a", result.ok ? result.manifest : {}));
      expect(again.map(withoutPlaces)).toEqual([withoutPlaces(result)]);
    }
  });
});
