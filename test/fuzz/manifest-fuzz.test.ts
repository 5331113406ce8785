import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { stringify } from "yaml";
import { fieldsOf, manifestOf } from "../../src/application-registry/fields.ts";
import { sameDocument } from "../../src/application-registry/same-document.ts";
import { specKeys } from "../../src/manifest/application-schema.ts";
import {
  type CheckedManifest,
  checkManifest,
  type FaultyManifest,
  MANIFEST_TEXT,
  ONE_MANIFEST_TEXT,
  parseManifests,
  readManifests,
} from "../../src/manifest/manifest.ts";
import type { ManifestFault } from "../../src/manifest/manifest-fault.ts";
import { toYaml } from "../../src/manifest/to-yaml.ts";
import {
  applicationSpecFromWire,
  applicationSpecToWire,
} from "../../src/protocol/application-wire.ts";
import {
  bytesOfText,
  hostileText,
  mutatedText,
  structure,
  writtenManifest,
} from "./arbitraries.ts";

/** Cases of each property: some thousands in all with `npm test`, 100,000 with `npm run test:fuzz`. */
const cases = Number(process.env["FLAME_FUZZ_CASES"] ?? 600);
/** `npm test` is the same for everybody; the large run looks somewhere else each time. */
const usualSeed = process.env["FLAME_FUZZ_CASES"] === undefined ? 1 : Date.now() % 2 ** 31;
const seed = Number(process.env["FLAME_FUZZ_SEED"] ?? usualSeed);
/** One case is an answer within this time, or the pipeline hangs: far above what the slowest takes. */
const caseMsMax = 10_000;

type Result = CheckedManifest | FaultyManifest;

function expectEvery<T>(arbitrary: fc.Arbitrary<T>, holds: (value: T) => void): void {
  const counted = fc.property(arbitrary, (value) => {
    const begin = performance.now();
    holds(value);
    const took = performance.now() - begin;
    if (took > caseMsMax) throw new Error(`the answer took ${took.toFixed(0)} ms`);
  });
  fc.assert(counted, { numRuns: cases, seed });
}

/** What holds of every answer, whatever the text was. */
function expectSound(text: string, results: readonly Result[]): void {
  expect(results.length).toBeGreaterThan(0);
  const lines = text.split(/\r\n|\r|\n/).length;
  for (const result of results) {
    if (result.ok) stable(result);
    else for (const fault of result.faults) placed(fault, lines);
    if (!result.ok) expect(result.faults.length).toBeGreaterThan(0);
  }
}

function placed(fault: ManifestFault, lines: number): void {
  expect([fault.got, fault.expected].every((part) => part !== "")).toBe(true);
  expect(fault.line).toBeGreaterThanOrEqual(1);
  expect(fault.line).toBeLessThanOrEqual(lines + 1);
  expect(fault.column).toBeGreaterThanOrEqual(1);
}

/** What was accepted is written and read again as the same, by every way that it takes. */
function stable({ name, manifest, spec }: CheckedManifest): void {
  const text = toYaml(name, manifest);
  const [again, ...more] = readManifests(text);
  if (again?.ok !== true) throw new Error(`refused when read again: ${text}`);
  expect(more).toEqual([]);
  expect(again.name).toBe(name);
  if (!sameDocument(again.manifest, manifest)) throw new Error(`read again as another: ${text}`);
  expect(toYaml(again.name, again.manifest)).toBe(text);
  if (!sameDocument(manifestOf(fieldsOf(manifest)), manifest))
    throw new Error("lost by its fields");
  const overWire = checkManifest({
    metadata: { name },
    spec: applicationSpecFromWire(applicationSpecToWire(spec)),
  });
  if (!overWire.ok) throw new Error(`refused over the wire: ${JSON.stringify(overWire.faults)}`);
  if (!sameDocument(overWire.spec, spec)) throw new Error("another one over the wire");
}

describe(`the manifest pipeline (FLAME_FUZZ_SEED=${seed})`, () => {
  it("answers any bytes", () => {
    expectEvery(bytesOfText, (bytes) => {
      const text = new TextDecoder().decode(bytes);
      expectSound(text, readManifests(text));
    });
  });

  it("answers what is hostile: aliases, nesting, huge texts, tabs, marks, __proto__", () => {
    expectEvery(hostileText, (text) => expectSound(text, readManifests(text)));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it("answers a manifest with anything cut out, put in, doubled or swapped", () => {
    expectEvery(mutatedText, (text) => expectSound(text, readManifests(text)));
  });

  it("answers documents of the right shape with any values, in YAML and in JSON", () => {
    expectEvery(structure, (value) => {
      for (const text of [stringify(value), JSON.stringify(value)]) {
        expectSound(text, readManifests(text));
      }
    });
  });

  it("names a path of the document in every fault, or one that it asks for", () => {
    expectEvery(structure, (value) => {
      const text = JSON.stringify(value);
      const [written] = parseManifests(text);
      const [result] = readManifests(text);
      if (result === undefined || result.ok || written === undefined) return;
      for (const fault of result.faults) {
        const known = pathsOf(written.raw);
        const asked = fault.rule.startsWith("missing-");
        const path = asked ? fault.path.replace(/\.?[^.[\]]+$/, "") : fault.path;
        if (!known.has(path)) throw new Error(`no ${fault.path} in ${text}`);
      }
    });
  });

  it("accepts every manifest that keeps the rules, whoever writes it", () => {
    expectEvery(writtenManifest, ({ name, spec, text }) => {
      const [result] = readManifests(text);
      if (result?.ok !== true) throw new Error(JSON.stringify(result?.faults));
      expect(result.name).toBe(name);
      expect(Object.keys(result.manifest)).toEqual(
        specKeys.filter((key) => Object.hasOwn(spec, key)),
      );
      stable(result);
    });
  });

  it("keeps its limits: the text, its nesting, its documents", () => {
    const long = `metadata: {name: a}\nspec: {description: "${"x".repeat(MANIFEST_TEXT.bytesMax)}"}\n`;
    expect(readManifests(long)).toMatchObject([
      { ok: false, faults: [{ rule: "text-too-large" }] },
    ]);
    const marks = "- ".repeat(ONE_MANIFEST_TEXT.lexemesMax);
    const [written] = parseManifests(marks, ONE_MANIFEST_TEXT);
    expect(written).toMatchObject({ faults: [{ rule: "text-too-much" }] });
    const many = "metadata: {name: a}\nspec: {}\n---\n".repeat(MANIFEST_TEXT.documentsMax + 1);
    expect(readManifests(many).at(-1)).toMatchObject({ faults: [{ rule: "too-many-documents" }] });
  });
});

/** Every path of a value as faults write them; the empty one is the whole. */
function pathsOf(root: unknown): ReadonlySet<string> {
  const paths = new Set([""]);
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      const plain = /^[\w-]+$/.test(key);
      const at = Array.isArray(value)
        ? `${path}[${key}]`
        : plain
          ? `${path}${path === "" ? "" : "."}${key}`
          : `${path}[${JSON.stringify(key)}]`;
      paths.add(at);
      walk(child, at);
    }
  };
  walk(root, "");
  return paths;
}
