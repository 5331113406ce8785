import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { readManifests } from "../../src/manifest/manifest.ts";
import type { ApplicationManifestSpec } from "../../src/model/application-spec.ts";

/** As in manifest-fuzz.test.ts. */
const cases = Number(process.env["FLAME_FUZZ_CASES"] ?? 600);
const usualSeed = process.env["FLAME_FUZZ_CASES"] === undefined ? 1 : Date.now() % 2 ** 31;
const seed = Number(process.env["FLAME_FUZZ_SEED"] ?? usualSeed);

/** What people write without quotes, and what YAML readers take for something else. */
const bare = fc.oneof(
  fc.constantFrom(
    ..."0777 010 -07 0o17 0x1F 1e3 1.10 1.0 +5 -0 .5 5. 1_000 0b11 12:30 1:30:00 2001-01-01 2001-01-01T00:00:00Z".split(
      " ",
    ),
    ..."yes no on off y n true True TRUE false null Null ~ .inf -.inf .nan NaN Infinity".split(" "),
    ..."!build/** !a !!str !!int !!binary ! !old-text &co &co-text *glob *.py @x `x %x ?x -x :x =x << <<x".split(
      " ",
    ),
    ...[
      "! not this",
      "&a and b",
      "*all of it",
      "!team-a b",
      "!!str 1.10",
      "!!int 7",
      "&x 1",
      "- a",
      "? a",
    ],
    ..."9007199254740993 1.0000000000000000001 123456789012345678901234567890 1e999 0.1 1e-7".split(
      " ",
    ),
    ..."{a} [a] {a:b} |x >x 'a' \"a\" a'b a\"b a#b #a C:\\x a:b".split(" "),
    ...["a: b", "a #b", "a  b", "", "é", "\u00a0", "\u2028", "\u0085x", "\u{1f600}", "\ud800"],
  ),
  fc.stringMatching(/^[-+]?[0-9._:eExo]{1,12}$/),
  fc.stringMatching(/^[!&*|>%@~'"#?=-][a-z0-9 /*.!&:#-]{0,12}$/),
  fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replaceAll(/[\n\r]/g, " ")),
);

/** The text that the written form stands for, by a rule of its own: only what is plainly a text has one. */
interface Written {
  readonly form: string;
  /** What may be stored; undefined: nothing, whatever is stored is wrong. */
  readonly means: string | undefined;
}

const written: fc.Arbitrary<Written> = fc
  .record({ text: bare, style: fc.constantFrom("bare", "single", "double", "json", "tagged") })
  .map(({ text, style }): Written => {
    const plain = text.trim();
    switch (style) {
      case "single":
        return { form: `'${text.replaceAll("'", "''")}'`, means: text };
      case "double":
      case "json":
        return { form: JSON.stringify(text), means: text };
      case "tagged":
        return { form: `!!str ${plain}`, means: unquoted(plain) };
      default:
        return { form: plain, means: unquoted(plain) };
    }
  });

/** What stands in quotes is without them, the rest is what it is. A comment is none of it, and nor is the blank before. */
function unquoted(text: string): string | undefined {
  const single = /^'((?:[^']|'')*)'\s*$/.exec(text)?.[1];
  if (single !== undefined) return single.replaceAll("''", "'");
  const double = /^"(?:[^"\\]|\\.)*"\s*$/.test(text);
  if (double) {
    try {
      return String(JSON.parse(text));
    } catch {
      return undefined;
    }
  }
  const shown = text.replace(/(?<=\s)#.*$|^#.*$/, "").trimEnd();
  const tagged = /^!!(?:str|int|float)\s+(?<rest>[^]*)$/.exec(shown)?.groups?.["rest"];
  if (tagged !== undefined) return unquoted(tagged);
  return shown;
}

/** Reads one manifest; the faults have to be within the text. */
function stored(text: string): ApplicationManifestSpec | undefined {
  const [result, ...more] = readManifests(text);
  if (result?.ok === true && more.length === 0) return result.manifest;
  const lines = text.split(/\r\n|\r|\n/).length;
  for (const fault of result?.ok === false ? result.faults : []) {
    expect(fault.line).toBeGreaterThanOrEqual(1);
    expect(fault.line).toBeLessThanOrEqual(lines + 1);
  }
  return undefined;
}

const head = "metadata:\n  name: a\nspec:\n  command: x\n";

describe(`what is stored of a text equals what was written, or the text is refused (FLAME_FUZZ_SEED=${seed})`, () => {
  it.each<[string, (form: string) => string, (spec: ApplicationManifestSpec) => unknown]>([
    ["a description", (form) => `  description: ${form}\n`, (spec) => spec.description],
    ["a label of a list", (form) => `  labels:\n    - ${form}\n`, (spec) => spec.labels?.[0]],
    ["an argument", (form) => `  arguments:\n    - ${form}\n`, (spec) => spec.arguments?.[0]],
    [
      "a variable",
      (form) => `  environments:\n    A: ${form}\n`,
      (spec) => spec.environments?.["A"],
    ],
    [
      "the name of a variable",
      (form) => `  environments:\n    ${form}: x\n`,
      (spec) => Object.keys(spec.environments ?? {})[0],
    ],
  ])("%s", (_where, line, valueOf) => {
    const property = fc.property(written, ({ form, means }) => {
      const spec = stored(head + line(form));
      if (spec === undefined) return;
      const value = valueOf(spec);
      if (value === undefined) return;
      if (value !== means) {
        throw new Error(`${JSON.stringify(form)} was stored as ${JSON.stringify(value)}`);
      }
    });
    expect(() => fc.assert(property, { numRuns: cases, seed })).not.toThrow();
  });

  it("a number", () => {
    const property = fc.property(bare, (text) => {
      const spec = stored(`${head}  delay_release: ${text.trim()}\n`);
      if (spec?.delay_release === undefined) return;
      expect(decimalOf(text)).toBe(String(spec.delay_release + 0));
    });
    fc.assert(property, { numRuns: cases, seed });
  });
});

/** The whole number that a text says to everybody, as decimal digits. */
function decimalOf(text: string): string | undefined {
  const source = text
    .replace(/\s#.*$/, "")
    .replace(/^!!int\s|^!!float\s/, "")
    .trim();
  if (/^0[xo][\da-fA-F]+$/.test(source)) return BigInt(source).toString();
  const [, sign = "", whole = "", part = "", exponent = "0"] =
    /^([-+]?)(\d*)\.?(\d*)(?:[eE]([-+]?\d+))?$/.exec(source) ?? [];
  if (/^0\d/.test(whole) || whole + part === "") return undefined;
  const shift = Number(exponent) - part.length;
  const digits = BigInt(whole + part);
  if (digits === 0n) return "0";
  if (Math.abs(shift) > 400) return undefined;
  const scale = 10n ** BigInt(Math.abs(shift));
  if (shift < 0 && digits % scale !== 0n) return undefined;
  const value = shift < 0 ? digits / scale : digits * scale;
  return `${sign === "-" ? "-" : ""}${value}`;
}

describe("a scalar that would lose something", () => {
  it.each([
    ["- !build/**", "5:12: got the tag !build/**", "a text that begins with ! needs quotes"],
    ["- !old use it", "5:12: got the tag !old", "a text that begins with ! needs quotes"],
    ["- ! use it", "5:12: got the tag !", "a text that begins with ! needs quotes"],
    ["- &co and more", "5:12: got the anchor &co", "a text that begins with & needs quotes"],
    ["- &co", "5:12: got the anchor &co", "a text that begins with & needs quotes"],
    ['- "\\ud800"', "5:12: got half a character", "whole characters"],
    ["- 0777", "spec.labels[0]: got 0777, expected a text", 'write it in quotes: "0777"'],
    ["- 1.10", "spec.labels[0]: got 1.10, expected a text", 'write it in quotes: "1.10"'],
    ["- True", "spec.labels[0]: got True, expected a text", 'write it in quotes: "True"'],
    ["- ~", "spec.labels[0]: got nothing, expected a text", 'as a text it needs quotes: "~"'],
  ])("is refused: %s", (line, got, hint) => {
    const [result] = readManifests(`${head.trimEnd()}\n  labels: [${line.slice(2)}]\n`);
    const faults = result?.ok === false ? result.faults : [];
    const texts = faults.map(
      (f) =>
        `${f.line}:${f.column}: got ${f.got}, expected ${f.expected}; ${f.path}: got ${f.got}, expected ${f.expected}; ${f.hint}`,
    );
    expect(texts).toHaveLength(1);
    expect(texts[0]).toContain(got);
    expect(texts[0]).toContain(hint);
  });

  it.each([
    ["max_instances: 010", "got 010, expected a number without a zero in front", "write 10"],
    ["delay_release: 1.0000000000000000001", "got 1.0000000000000000001", "use fewer digits"],
  ])("is refused as a number: %s", (line, got, hint) => {
    const [result] = readManifests(`${head}  ${line}\n`);
    const faults = result?.ok === false ? result.faults : [];
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ rule: "yaml-number", line: 5, column: 18, hint });
    expect(`got ${faults[0]?.got}, expected ${faults[0]?.expected}`).toContain(got);
  });

  it.each([">", "|", "|-", ">+"])("is refused as a block without lines: %s", (mark) => {
    const [result] = readManifests(`${head}  description: ${mark}\n`);
    const faults = result?.ok === false ? result.faults : [];
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ rule: "yaml-block", line: 5, column: 16 });
    expect(faults[0]?.hint).toContain("needs quotes");
  });

  it("is none of these: tags of YAML itself, anchors that are used or stand before quotes, keys as written", () => {
    const text = `${head}  labels: [!!str 1.10, &a one, *a, &b "two"]\n  environments: {0777: a, 1.10: b, true: c, ~: d}\n`;
    const [result] = readManifests(text);
    expect(result).toMatchObject({
      ok: true,
      manifest: {
        labels: ["1.10", "one", "one", "two"],
        environments: { "0777": "a", "1.10": "b", true: "c", "~": "d" },
      },
    });
  });
});
