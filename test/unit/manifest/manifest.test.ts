import { describe, expect, it } from "@jest/globals";
import schema from "../../../schemas/application.schema.json" with { type: "json" };
import { fillDefaults } from "../../../src/documents/defaults.ts";
import { specKeys, specOf } from "../../../src/manifest/application-schema.ts";
import {
  type CheckedManifest,
  checkManifest,
  type FaultyManifest,
  type ManifestOptions,
  readManifests,
} from "../../../src/manifest/manifest.ts";
import { toYaml } from "../../../src/manifest/to-yaml.ts";

function read(text: string, options?: ManifestOptions): CheckedManifest {
  const [first] = readManifests(text, options);
  if (first?.ok !== true) throw new Error(JSON.stringify(first?.faults));
  return first;
}

function faultsOf(text: string, options?: ManifestOptions): FaultyManifest["faults"] {
  const faulty = readManifests(text, options).find((result) => !result.ok);
  if (faulty?.ok !== false) throw new Error("the manifest was accepted");
  return faulty.faults;
}

/** `rule path line:column` of every fault but that of no command, which most texts here leave out (command.test.ts). */
const brief = (text: string, options?: ManifestOptions): string[] =>
  faultsOf(text, options)
    .filter(({ rule }) => rule !== "missing-command")
    .map((f) => `${f.rule} ${f.path} ${f.line}:${f.column}`);

const EVERYTHING = `
metadata: { name: my-app }
spec:
  shim: Wasm
  image: example/image:1
  description: |
    Two
    lines
  labels: [a, b]
  command: \${FLAME_HOME}/bin/uv
  arguments: [run, -n, flamepy.runpy]
  environments: { B: "1", A: "no", "__proto__": "x" }
  working_directory: /opt/x
  max_instances: 7
  delay_release: -1
  task_timeout: 3600
  max_crashes: 1
  max_lost_nodes: 2
  warm_instances: 3
  schema: { input: '{"type":"object"}', output: 'true', common_data: '{}' }
  url: file:///opt/example/my-app.whl
  installer: python
  packages: [six]
`;

describe("a manifest", () => {
  it("keeps every key as written, and its spec is frozen", () => {
    const { name, manifest, spec } = read(EVERYTHING);
    expect(name).toBe("my-app");
    expect(Object.keys(manifest)).toEqual(specKeys);
    expect(manifest).toMatchObject({ shim: "Wasm", max_instances: 7, delay_release: -1 });
    expect(manifest.description).toBe("Two\nlines\n");
    expect(Object.entries(manifest.environments ?? {})).toEqual([
      ["B", "1"],
      ["A", "no"],
      ["__proto__", "x"],
    ]);
    expect(spec).toEqual(manifest);
    expect(Object.isFrozen(spec.environments)).toBe(true);
    expect(Object.isFrozen(manifest.labels)).toBe(true);
  });

  it("fills defaults only into the spec, and leaves absent what has none", () => {
    const { manifest, spec } = read("metadata: { name: a }\nspec: { command: x }\n");
    expect(manifest).toEqual({ command: "x" });
    expect(spec).toEqual({
      command: "x",
      shim: "Host",
      labels: [],
      arguments: [],
      environments: {},
      max_instances: 1_000_000,
      delay_release: 60,
      max_crashes: 5,
      max_lost_nodes: 10,
    });
    expect("url" in spec).toBe(false);
    expect(specOf(manifest)).toEqual(spec);
  });

  it("fills in all that the schema has defaults for", () => {
    const { manifest } = read(EVERYTHING);
    for (const key of ["none", ...Object.keys(manifest)]) {
      const part = Object.fromEntries(Object.entries(manifest).filter(([one]) => one !== key));
      const filled = fillDefaults(schema.properties.spec, structuredClone(part));
      expect(specOf(part)).toEqual(filled);
      expect(Object.keys(specOf(part))).toEqual(Object.keys(filled as object));
    }
  });

  it("takes the spellings of published manifests and gives the canonical one", () => {
    for (const shim of ["Host", "host"])
      expect(read(`metadata: {name: a}\nspec: {command: x, shim: ${shim}}`).spec.shim).toBe("Host");
    for (const shim of ["Wasm", "wasm", "WASM"]) {
      expect(read(`metadata: {name: a}\nspec: {command: x, shim: ${shim}}`).spec.shim).toBe("Wasm");
    }
    expect(brief("metadata: {name: a}\nspec: {shim: HOST}")).toEqual([
      "unknown-value spec.shim 2:14",
    ]);
    expect(read("metadata: {name: a}\nspec: {command: x, working_directory: ''}").manifest).toEqual(
      {
        command: "x",
      },
    );
  });

  it("reads several documents, JSON, a byte order mark and CRLF", () => {
    const results = readManifests(
      '---\nmetadata: {name: a}\nspec: {}\n---\n{"metadata":{"name":"b"},"spec":{}}\n---\n',
    );
    expect(results.map((result) => result.name)).toEqual(["a", "b"]);
    expect(read("\uFEFFmetadata:\r\n  name: a\r\nspec:\r\n  command: x\r\n").spec.command).toBe(
      "x",
    );
  });

  it("gives every fault of every document at its own place", () => {
    const results = readManifests(
      "metadata: {name: a}\nspec: {command: x}\n---\nmetadata: {name: b}\nspec:\n  urll: x\n  command: x\n",
    );
    expect(results.map((result) => result.ok)).toEqual([true, false]);
    expect(results[1]?.ok === false && results[1].faults[0]).toMatchObject({
      rule: "unknown-key",
      path: "spec.urll",
      line: 6,
      column: 3,
      hint: 'did you mean "url"?',
    });
  });

  it("reads a manifest again from its own YAML", () => {
    const { name, manifest } = read(EVERYTHING);
    const text = toYaml(name, manifest);
    expect(text.indexOf("shim:")).toBeLessThan(text.indexOf("url:"));
    expect(read(text).manifest).toEqual(manifest);
    expect(toYaml(name, read(text).manifest)).toBe(text);
    const odd = [
      "no",
      "1e3",
      "",
      " x ",
      "a: b",
      "#",
      "~",
      "null",
      "0o7",
      "\t",
      "é\u2028",
      "x\n\n",
      " \n",
      "\n \n",
      "a \nb",
      "a\n  \nb\n",
      "a\n b\n",
      "\r\n",
      "a\u0085b\uFEFF\ud83d\ude00",

      "\n",
      "- a",
      "'",
      '"',
    ];
    const again = checkManifest({
      metadata: { name: "a" },
      spec: { command: "x", labels: odd, environments: { no: "yes" } },
    });
    if (!again.ok) throw new Error(JSON.stringify(again.faults));
    expect(read(toYaml("a", again.manifest)).manifest).toEqual(again.manifest);
  });
});

describe("faults of a manifest", () => {
  it.each<[string, string, string[]]>([
    ["nothing", "", ["empty  1:1"]],
    ["only a comment", "# x\n", ["empty  1:1"]],
    ["a text", "hello", ["type  1:1"]],
    ["a list", "- a\n", ["type  1:1"]],
    ["no metadata, no spec", "{}", ["missing-key metadata 1:1", "missing-key spec 1:1"]],
    ["no name", "metadata:\n  {}\nspec: {}\n", ["missing-key metadata.name 2:3"]],
    ["an empty name", "metadata:\n  name: ''\nspec: {}\n", ["name metadata.name 2:9"]],
    ["a number as name", "metadata:\n  name: 7\nspec: {}\n", ["type metadata.name 2:9"]],
    ["two dots in the name", "metadata:\n  name: a..b\nspec: {}\n", ["name metadata.name 2:9"]],
    ["a slash in the name", "metadata:\n  name: a/b\nspec: {}\n", ["name metadata.name 2:9"]],
    [
      "a name that begins with a dash",
      "metadata:\n  name: -a\nspec: {}\n",
      ["name metadata.name 2:9"],
    ],
    ["an empty spec", "metadata: {name: a}\nspec:\n", ["type spec 2:1"]],
    [
      "an unknown key",
      "metadata: {name: a}\nspec:\n  comand: x\n",
      ["unknown-key spec.comand 3:3"],
    ],
    [
      "a key outside spec",
      "metadata: {name: a}\ncommand: x\nspec: {}\n",
      ["unknown-key command 2:1"],
    ],
    [
      "a bare number in environments",
      "metadata: {name: a}\nspec:\n  environments:\n    A: 1\n",
      ["type spec.environments.A 4:8"],
    ],
    [
      "environments as a list",
      "metadata: {name: a}\nspec:\n  environments: [A=1]\n",
      ["type spec.environments 3:17"],
    ],
    [
      "a bad environment name",
      "metadata: {name: a}\nspec:\n  environments: {'A=B': x}\n",
      ['environment-name spec.environments["A=B"] 3:18'],
    ],
    [
      "a text as arguments",
      "metadata: {name: a}\nspec:\n  arguments: run -n\n",
      ["type spec.arguments 3:14"],
    ],
    [
      "a number in arguments",
      "metadata: {name: a}\nspec:\n  arguments:\n    - run\n    - 7\n",
      ["type spec.arguments[1] 5:7"],
    ],
    ["nothing behind a key", "metadata: {name: a}\nspec:\n  url:\n", ["type spec.url 3:3"]],
    [
      "a negative max_instances",
      "metadata: {name: a}\nspec:\n  max_instances: -1\n",
      ["out-of-range spec.max_instances 3:18"],
    ],
    [
      "a huge max_instances",
      "metadata: {name: a}\nspec:\n  max_instances: 4294967296\n",
      ["out-of-range spec.max_instances 3:18"],
    ],
    [
      "a fraction",
      "metadata: {name: a}\nspec:\n  delay_release: 1.5\n",
      ["type spec.delay_release 3:18"],
    ],
    [
      "a quoted number",
      "metadata: {name: a}\nspec:\n  delay_release: '60'\n",
      ["type spec.delay_release 3:18"],
    ],
    [
      "a task_timeout of nothing",
      "metadata: {name: a}\nspec:\n  task_timeout: 0\n",
      ["out-of-range spec.task_timeout 3:17"],
    ],
    [
      "a max_crashes that allows no attempt",
      "metadata: {name: a}\nspec:\n  max_crashes: 0\n",
      ["out-of-range spec.max_crashes 3:16"],
    ],
    [
      "a max_lost_nodes that is no number",
      "metadata: {name: a}\nspec:\n  max_lost_nodes: never\n",
      ["type spec.max_lost_nodes 3:19"],
    ],
    [
      "more warm_instances than a node can keep",
      "metadata: {name: a}\nspec:\n  warm_instances: 1025\n",
      ["out-of-range spec.warm_instances 3:19"],
    ],
    [
      "warm_instances of less than nothing",
      "metadata: {name: a}\nspec:\n  warm_instances: -1\n",
      ["out-of-range spec.warm_instances 3:19"],
    ],
    [
      "a relative working directory",
      "metadata: {name: a}\nspec:\n  working_directory: x\n",
      ["working-directory spec.working_directory 3:22"],
    ],
    [
      "a variable in the working directory",
      "metadata: {name: a}\nspec:\n  working_directory: ${FLAME_HOME}/x\n",
      ["working-directory spec.working_directory 3:22"],
    ],
    [
      "an unknown installer",
      "metadata: {name: a}\nspec:\n  installer: pip\n",
      ["unknown-value spec.installer 3:14"],
    ],
    [
      "a NUL in the command",
      'metadata: {name: a}\nspec:\n  command: "a\\0b"\n',
      ["nul-character spec.command 3:12"],
    ],
    [
      "a long label",
      `metadata: {name: a}\nspec:\n  labels: [${"x".repeat(257)}]\n`,
      ["too-long spec.labels[0] 3:12"],
    ],
    ["an empty url", "metadata: {name: a}\nspec:\n  url: ''\n", ["url-form spec.url 3:8"]],
    ["a path as url", "metadata: {name: a}\nspec:\n  url: /opt/x\n", ["url-form spec.url 3:8"]],
    ["an ftp url", "metadata: {name: a}\nspec:\n  url: ftp://h/x\n", ["url-scheme spec.url 3:8"]],
    [
      "an https url",
      "metadata: {name: a}\nspec:\n  url: https://h/x\n",
      ["url-scheme spec.url 3:8"],
    ],
    [
      "a file url with a host",
      "metadata: {name: a}\nspec:\n  url: file://opt/x\n",
      ["url-host spec.url 3:8"],
    ],
    [
      "a bad pin",
      "metadata: {name: a}\nspec:\n  url: file:///x#sha256=12\n",
      ["url-pin spec.url 3:8"],
    ],
    [
      "a schema that is a mapping",
      "metadata: {name: a}\nspec:\n  schema:\n    input: {type: string}\n",
      ["type spec.schema.input 4:12"],
    ],
    [
      "a schema that is no JSON",
      "metadata: {name: a}\nspec:\n  schema:\n    input: 'type: string'\n",
      ["schema-json spec.schema.input 4:12"],
    ],
    [
      "an unknown draft",
      `metadata: {name: a}\nspec:\n  schema:\n    output: '{"$schema":"urn:x"}'\n`,
      ["schema-draft spec.schema.output 4:13"],
    ],
    [
      "a schema with a wrong type",
      `metadata: {name: a}\nspec:\n  schema:\n    common_data: '{"type":"strin"}'\n`,
      ["schema-invalid spec.schema.common_data 4:18"],
    ],
    ["a key twice", "metadata: {name: a}\nspec:\n  url: x\n  url: y\n", ["duplicate-key  4:3"]],
    [
      "a variable that is written in digits",
      "metadata: {name: a}\nspec: {environments: {0: false}}\n",
      ["type spec.environments.0 2:26"],
    ],
    ["a tab as indentation", "metadata:\n\tname: a\n", ["yaml-syntax  2:1"]],
    ["an open bracket", "metadata: {name: a\nspec: {}\n", ["yaml-syntax  1:11"]],
    ["an unknown alias", "metadata: {name: *x}\nspec: {}\n", ["yaml-alias  1:18"]],
    [
      "deep nesting",
      `metadata: ${"[".repeat(20)}${"]".repeat(20)}\nspec: {}\n`,
      ["text-too-deep  1:1"],
    ],
    [
      "several at once",
      "metadata: {name: .a}\nspec:\n  shim: Hots\n  labels: x\n  url: s3://b\n",
      [
        "name metadata.name 1:18",
        "unknown-value spec.shim 3:9",
        "type spec.labels 4:11",
        "url-scheme spec.url 5:8",
      ],
    ],
  ])("of %s", (_what, text, expected) => {
    expect(brief(text)).toEqual(expected);
  });

  it("say got, expected and what to do", () => {
    const hint = (text: string): string | undefined =>
      faultsOf(text).find(({ rule }) => rule !== "missing-command")?.hint;
    const spec = (line: string): string => `metadata: {name: a}\nspec:\n  ${line}\n`;
    expect(hint(spec("workingDirectory: /x"))).toBe('did you mean "working_directory"?');
    expect(hint(spec("shim: hsot"))).toBe('did you mean "Host"?');
    expect(hint(spec("environments: {A: 1}"))).toBe('write it in quotes: "1"');
    expect(hint(spec("url: /opt/x"))).toBe('did you mean "file:///opt/x"?');
    expect(hint(spec("url: file:/opt/x"))).toBe('did you mean "file:///opt/x"?');
    expect(hint(spec("url: FILE:///opt/x"))).toBe('did you mean "file://"?');
    expect(hint(spec("url: file://opt/x"))).toBe('did you mean "file:///opt/x"?');
    expect(hint(spec("url: https://h/x"))).toContain("packages.allowed_schemes");
    expect(hint(spec("url: file://${FLAME_HOME}/x"))).toContain("variables are not expanded");
    expect(hint(spec("url:"))).toBe("write a value or remove the key");
    expect(hint("metadata: {name: a}\ncommand: x\nspec: {}")).toBe(
      "it belongs under spec: spec.command",
    );
    expect(hint("metadata: {name: a, labels: []}\nspec: {}")).toBe(
      "it belongs under spec: spec.labels",
    );
  });

  it("are bounded, whatever the text", () => {
    const many = Array.from({ length: 5000 }, (_, i) => `  k${i}: x\n`).join("");
    expect(faultsOf(`metadata: {name: a}\nspec:\n${many}`).length).toBeLessThanOrEqual(100);
    expect(brief("x".repeat(5 * 1024 * 1024))).toEqual(["text-too-large  1:1"]);
  });
});
