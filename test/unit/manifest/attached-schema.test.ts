import { describe, expect, it } from "@jest/globals";
import { checkAttachedSchema } from "../../../src/manifest/attached-schema.ts";

const DRAFTS = [
  "http://json-schema.org/draft-04/schema#",
  "http://json-schema.org/draft-06/schema#",
  "http://json-schema.org/draft-07/schema",
  "http://json-schema.org/draft-07/schema#",
  "https://json-schema.org/draft/2019-09/schema",
  "https://json-schema.org/draft/2020-12/schema",
  "https://json-schema.org/draft/2020-12/schema#",
];

describe("an attached schema", () => {
  it.each(DRAFTS)("of %s is checked against its meta-schema", ($schema) => {
    const good = {
      $schema,
      title: "t",
      type: "object",
      properties: {
        a: { type: ["string", "null"], maxLength: 3 },
        b: { type: "array", items: { type: "integer" } },
      },
      required: ["a"],
      additionalProperties: false,
    };
    expect(checkAttachedSchema(JSON.stringify(good))).toBeUndefined();
    const bad = { ...good, properties: { a: { type: "strnig" } } };
    expect(checkAttachedSchema(JSON.stringify(bad))).toMatchObject({
      rule: "schema-invalid",
      got: '"strnig" at /properties/a/type',
      expected: expect.stringContaining("string"),
    });
    expect(checkAttachedSchema(JSON.stringify({ $schema, minLength: -1 }))?.rule).toBe(
      "schema-invalid",
    );
  });

  it("knows what differs between the drafts", () => {
    const check = (schema: object): string | undefined =>
      checkAttachedSchema(JSON.stringify(schema))?.rule;
    const draft04 = { $schema: DRAFTS[0], minimum: 1, exclusiveMinimum: true };
    expect(check(draft04)).toBeUndefined();
    expect(check({ ...draft04, $schema: DRAFTS[1] })).toBe("schema-invalid");
    expect(check({ $schema: DRAFTS[0], exclusiveMinimum: true })).toBe("schema-invalid");
    expect(check({ $schema: DRAFTS[0], required: [] })).toBe("schema-invalid");
    expect(check({ $schema: DRAFTS[1], required: [] })).toBeUndefined();
    expect(check({ $defs: { a: { type: 7 } } })).toBe("schema-invalid");
    expect(check({ $schema: DRAFTS[2], definitions: { a: { type: 7 } } })).toBe("schema-invalid");
  });

  it("is read as 2020-12 when it names no draft, and may be true or false", () => {
    expect(checkAttachedSchema('{"prefixItems":[{"type":"string"}]}')).toBeUndefined();
    expect(checkAttachedSchema('{"prefixItems":7}')?.rule).toBe("schema-invalid");
    expect(checkAttachedSchema("true")).toBeUndefined();
    expect(checkAttachedSchema("7")?.rule).toBe("schema-invalid");
    expect(checkAttachedSchema("null")?.rule).toBe("schema-invalid");
  });

  it.each([
    ["a trailing comma", '{\n  "type": "object",\n  "properties": {\n    "a": {},\n  }\n}\n', 5, 3],
    ["a comment", '{\n  // what it is\n  "type": "object"\n}\n', 2, 3],
    ["a cut text", '{\n  "type": "object",\n', 3, 1],
    ["single quotes", "{\n  'type': 1\n}", 2, 3],
    ["a word", '{\n  "a": [1,\n    yes]\n}', 3, 5],
    ["two documents", "{}\n{}", 2, 1],
  ])("tells the place of %s in a text of several lines", (_what, text, line, column) => {
    const fault = checkAttachedSchema(text);
    expect(fault?.hint).toMatch(
      new RegExp(`^line ${line}, column ${column} of the schema's text: [A-Z]`),
    );
  });

  it.each(["", " ", "{", "type: string", "undefined"])("%j is no JSON", (text) => {
    expect(checkAttachedSchema(text)?.rule).toBe("schema-json");
  });

  it.each([
    "http://example.com/x",
    "",
    7,
    null,
    "http://json-schema.org/draft-03/schema#",
    "__proto__",
  ])("with $schema %j names the drafts that are known", ($schema) => {
    expect(checkAttachedSchema(JSON.stringify({ $schema }))).toMatchObject({
      rule: "schema-draft",
      expected: expect.stringContaining("draft-07"),
    });
  });

  it("is never compiled: a hostile pattern, an unknown keyword and a foreign reference cost nothing", () => {
    const hostile = {
      pattern: "^(a+)+$",
      $ref: "https://example.invalid/x",
      nonsense: 1,
      format: "made-up",
    };
    expect(checkAttachedSchema(JSON.stringify(hostile))).toBeUndefined();
  });

  it("has limits that keep the check short", () => {
    expect(checkAttachedSchema("[".repeat(100_000) + "]".repeat(100_000))?.rule).toBe(
      "schema-limits",
    );
    const list = Array.from({ length: 3000 }, (_, i) => i);
    expect(checkAttachedSchema(JSON.stringify({ enum: list }))?.rule).toBe("schema-limits");
    const objects = Array.from({ length: 2000 }, (_, i) => ({ a: i }));
    expect(
      checkAttachedSchema(JSON.stringify({ $schema: DRAFTS[0], enum: objects })),
    ).toBeUndefined();
  });
});
