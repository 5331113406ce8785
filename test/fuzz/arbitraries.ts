import fc from "fast-check";
import { stringify } from "yaml";
import { specKeys } from "../../src/manifest/application-schema.ts";
import type { ApplicationManifestSpec } from "../../src/model/application-spec.ts";

/** A manifest that uses every key; what mutations begin with. */
const WHOLE = `# The application of the example.
metadata:
  name: my-app
spec:
  shim: Host
  image: example/image:1
  description: |
    Two
    lines
  labels: [a, &word b]
  command: \${FLAME_HOME}/bin/uv
  arguments:
    - run
    - -n
    - flamepy.runpy
  environments: { B: "1", A: "no", C: *word }
  working_directory: /opt/x
  max_instances: 7
  delay_release: -1
  schema: { input: '{"type":"object"}', output: 'true' }
  url: file:///opt/example/my-app.whl
  installer: python
---
metadata: { name: other }
spec: {}
`;

/** Bytes: anything, text of any language, and manifests in encodings that are none. */
export const bytesOfText: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.string({ unit: "binary", maxLength: 200 }).map((text) => new TextEncoder().encode(text)),
  fc.constantFrom(
    Buffer.from(WHOLE, "utf16le"),
    Buffer.from(`\uFEFF${WHOLE}`),
    Buffer.from(WHOLE.replaceAll("a", "\u00e4"), "latin1"),
  ),
  fc
    .tuple(fc.nat(WHOLE.length), fc.uint8Array({ maxLength: 8 }))
    .map(([at, bytes]) =>
      Buffer.concat([Buffer.from(WHOLE.slice(0, at)), bytes, Buffer.from(WHOLE.slice(at))]),
    ),
);

const edit = fc.record({
  at: fc.nat(WHOLE.length),
  length: fc.nat(40),
  kind: fc.constantFrom("cut", "double", "put", "swap"),
  piece: fc.oneof(
    fc.constantFrom(
      ..."\t|\r|\r\n|\uFEFF|\u0000|: |- |#|'|\"|[|]|{|}|&a |*a|!!str |<<: |---\n|...\n|%YAML 1.1\n|? |, |\u2028|\u0085|~|0x7f|1e999|.nan|2001-01-01|__proto__|\ud800".split(
        "|",
      ),
      "|",
      ">-\n",
    ),
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.constantFrom(...specKeys),
  ),
});

/** The whole manifest after some edits. */
export const mutatedText: fc.Arbitrary<string> = fc
  .array(edit, { minLength: 1, maxLength: 6 })
  .map((edits) => {
    let text = WHOLE;
    for (const { at, length, kind, piece } of edits) {
      const [before, middle, after] = [
        text.slice(0, at),
        text.slice(at, at + length),
        text.slice(at + length),
      ];
      if (kind === "cut") text = before + after;
      else if (kind === "double") text = before + middle + middle + after;
      else if (kind === "put") text = before + piece + middle + after;
      else text = before + after + middle;
    }
    return text;
  });

/** Texts that try to cost much, or to reach where they should not. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 30 })).map(bomb),
  fc
    .tuple(
      fc.constantFrom("[", "{a: ", "- ", "? ", "- - ", "a:\n"),
      fc.integer({ min: 1, max: 3000 }),
    )
    .map(([open, times]) => open.repeat(times)),
  fc.integer({ min: 0, max: 300_000 }).map((size) => within(`description: "${"x".repeat(size)}"`)),
  fc.integer({ min: 0, max: 3000 }).map((count) => within(`labels: [${"a,".repeat(count)}]`)),
  fc.integer({ min: 1, max: 300 }).map((count) => within(keys(count, () => "A"))),
  fc.integer({ min: 1, max: 2000 }).map((count) => within(keys(count, (i) => `A${i}`))),
  fc
    .constantFrom("__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf")
    .map(
      (key) =>
        `${key}: {polluted: 1}\nmetadata: {name: a, ${key}: {polluted: 1}}\nspec: {${key}: {polluted: 1}, environments: {${key}: x}, schema: {${key}: x}}\n`,
    ),
  fc
    .constantFrom("\t", "\uFEFF", "\r", "\u0000", "\u2028", "\u0085", "\u0007")
    .map((mark) =>
      WHOLE.replaceAll(" ", () => (Math.abs(mark.charCodeAt(0)) % 2 === 0 ? " " : mark)),
    ),
  fc.integer({ min: 1, max: 64 }).map((depth) => within(`schema: {input: '${nested(depth * 4)}'}`)),
  fc
    .integer({ min: 1, max: 2000 })
    .map((n) => `metadata: {name: a}\nspec: &a {labels: [${"*a,".repeat(n)}]}\n`),
);

function within(line: string): string {
  return `metadata: {name: a}\nspec:\n  ${line}\n`;
}

function keys(count: number, name: (index: number) => string): string {
  return `environments: {${Array.from({ length: count }, (_, i) => `${name(i)}: x`).join(", ")}}`;
}

function nested(depth: number): string {
  return `${'{"not":'.repeat(depth)}true${"}".repeat(depth)}`;
}

function bomb([levels, width]: [number, number]): string {
  const lines = ["a0: &a0 [x]"];
  for (let level = 1; level <= levels; level++) {
    lines.push(`a${level}: &a${level} [${`*a${level - 1},`.repeat(width)}]`);
  }
  return lines.join("\n");
}

const word = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 6 }),
  fc.constantFrom(
    "",
    "no",
    "~",
    "null",
    "1e3",
    "0x1f",
    "2001-01-01",
    "${FLAME_HOME}/x",
    "file:///a",
    "{}",
    "Host",
    "python",
    "__proto__",
  ),
);
const leaf = fc.oneof(word, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
const anything = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 4 }),
  fc.dictionary(word, leaf, { maxKeys: 4 }),
  fc.array(fc.dictionary(word, leaf, { maxKeys: 2 }), { maxLength: 2 }),
);
const someKeys = fc.oneof(
  fc.constantFrom(...specKeys),
  fc.constantFrom("comand", "env", "name", "input", "__proto__", "constructor"),
  word,
);

/** Documents of the shape of a manifest, with any values: most are wrong somewhere. */
export const structure: fc.Arbitrary<unknown> = fc.oneof(
  anything,
  fc.record(
    {
      metadata: fc.oneof(
        fc.record({ name: leaf }),
        fc.dictionary(someKeys, anything, { maxKeys: 3 }),
        leaf,
      ),
      spec: fc.oneof(fc.dictionary(someKeys, anything, { maxKeys: 6 }), leaf),
      kind: leaf,
    },
    { requiredKeys: [] },
  ),
);

const plain = fc
  .string({ unit: "grapheme", maxLength: 60 })
  .map((text) => text.replaceAll("\u0000", "").replaceAll(/[\ud800-\udfff]/g, ""));
/** One arbitrary for each key: a key without one does not compile. */
const valuesOf: { readonly [K in keyof Required<ApplicationManifestSpec>]: fc.Arbitrary<unknown> } =
  {
    shim: fc.constantFrom("Host", "Wasm"),
    image: plain,
    description: fc.array(plain, { maxLength: 4 }).map((lines) => lines.join("\n")),
    labels: fc.array(plain, { maxLength: 4 }),
    command: plain.map((path) => `/${path}`),
    arguments: fc.array(plain, { maxLength: 4 }),
    environments: fc.dictionary(
      plain.map((name) => `${name.replaceAll("=", "")}A`),
      plain,
      { maxKeys: 4 },
    ),
    working_directory: plain.map((path) => `/${path}`),
    max_instances: fc.integer({ min: 0, max: 4_294_967_295 }),
    delay_release: fc.maxSafeInteger(),
    task_timeout: fc.integer({ min: 1, max: 4_294_967_295 }),
    max_crashes: fc.integer({ min: 1, max: 4_294_967_295 }),
    max_lost_nodes: fc.integer({ min: 1, max: 4_294_967_295 }),
    warm_instances: fc.integer({ min: 0, max: 1024 }),
    schema: fc.record(
      { input: fc.constantFrom("{}", "true", '{"type":"object"}'), common_data: fc.constant("{}") },
      { requiredKeys: [] },
    ),
    url: fc.constantFrom(
      "file:///opt/a.whl",
      "grpc://host:9090/a",
      `file:///a#sha256=${"0".repeat(64)}`,
    ),
    installer: fc.constantFrom("python", "binary"),
    packages: fc.array(fc.constantFrom("numpy>=2", "file:///opt/a.whl", "six"), { maxLength: 3 }),
  };
const spec = fc.record(valuesOf, { requiredKeys: ["command"] });

/** Manifests that keep every rule, as people and programs write them. */
export const writtenManifest = fc
  .record({
    name: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,40}$/),
    spec,
    style: fc.constantFrom("yaml", "json", "flow", "crlf", "mark"),
  })
  .map(({ name, spec: written, style }) => {
    const raw = { metadata: { name }, spec: written };
    const yaml = stringify(raw);
    const json = JSON.stringify(raw, null, 2);
    const texts = {
      yaml,
      json,
      // The library writes a text of several lines without quotes, which it refuses itself when it begins like a list.
      flow: stringify(raw, {
        collectionStyle: "flow",
        ...(json.includes("\\n") && { defaultStringType: "QUOTE_DOUBLE" as const }),
      }),
      // A line end inside a text is the text's own: only line ends of YAML become Windows ones.
      crlf: /["'|>]/.test(yaml) ? yaml : yaml.replaceAll("\n", "\r\n"),
      mark: `\uFEFF${yaml}`,
    };
    return { name, spec: written, text: texts[style] };
  });
