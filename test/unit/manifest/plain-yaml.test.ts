import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { plainYaml } from "../../../src/manifest/plain-yaml.ts";
import { libraryYaml } from "../../../src/manifest/to-yaml.ts";

// Out of everything that YAML may take for something else, put together anew each time.
const piece = fc.constantFrom(
  ..."abcnNyYxeEoO_019.-+:/#=@,()'\"&*!|>%{}[]?~\\ \t\né".split(""),
  ...["on", "yes", "null", "true", "inf", "nan", "0x", "--", "a: b", " #", "https://", "${X}"],
  ...["model", "tenant", "/srv/x", "GPU_", "--threads", "."],
);
const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
const words = fc
  .array(fc.constantFrom("serves", "a", "model", "y", "(fast)", "of", "x:y", "7"), {
    maxLength: 40,
  })
  .map((all) => all.join(" "));
const anyText = fc.oneof(text, words);
const value = fc.oneof(
  anyText,
  fc.integer(),
  fc.array(anyText, { maxLength: 3 }),
  fc.dictionary(anyText, anyText, { maxKeys: 3, noNullPrototype: true }),
);

describe("plain YAML", () => {
  it("is what the library writes, or nothing", () => {
    let written = 0;
    fc.assert(
      fc.property(anyText, value, (key, one) => {
        const document = { metadata: { name: "a" }, spec: { [key]: one, last: 1 } };
        const plain = plainYaml(document);
        if (plain === undefined) return;
        written++;
        expect(plain).toBe(libraryYaml(document));
      }),
      { numRuns: 5_000, seed: 1 },
    );
    expect(written).toBeGreaterThan(300);
  });

  it.each([
    "n",
    "nO",
    "Yes",
    "NULL",
    "0",
    "17",
    "off",
    "/",
    "e1",
    "-E0",
    "e-1",
    "e1x",
    "-x",
    "--x",
    "a:",
    "a :b",
    "x".repeat(2000),
  ])("of the text %j is what the library writes, or nothing", (one) => {
    const document = { [one]: one, list: [one], inside: { [one]: one } };
    const plain = plainYaml(document);
    expect([undefined, libraryYaml(document)]).toContain(plain);
  });

  it("is there for manifests as people write them", () => {
    const spec = {
      description: "Scores the documents of tenant 7 (fast) against its model",
      labels: ["team-scoring", "7"],
      arguments: ["--model", "/srv/models/7.onnx", "-v"],
      environments: { OMP_NUM_THREADS: "2", y: "no" },
      url: "https://example.com/x-1.0.whl",
      max_instances: 4,
      schema: {},
    };
    const document = { metadata: { name: "scoring" }, spec };
    expect(plainYaml(document)).toBe(libraryYaml(document));
  });

  it.each([null, undefined, true, 1.5, -0, 2 ** 60, Number.NaN])(
    "leaves %p to the library",
    (one) => {
      expect(plainYaml({ spec: { one } })).toBeUndefined();
    },
  );
});
