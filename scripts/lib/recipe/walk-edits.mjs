// What a person writes who follows CONTRIBUTING's recipe with the field `namespace`, a text that services are told: each
// line goes behind (or, with `before`, before) a line that is there already, and the script fails when that has gone.

/** The key that is added: a text, without default, which the service's context carries. */
export const KEY = "namespace";

/** Step 1: the schema. */
export const SCHEMA = [
  {
    file: "schemas/application.schema.json",
    before: /^ {8}"packages": \{$/,
    lines: [
      '        "namespace": {',
      '          "title": "Namespace",',
      '          "description": "Whose the application is.",',
      '          "examples": ["team-a"],',
      '          "type": "string",',
      '          "maxLength": 63',
      "        },",
    ],
  },
];

/** What the compiler asks for once the schema has the key. */
export const AFTER_SCHEMA = [
  {
    file: "src/application-registry/three-way.ts",
    after: /^ {2}installer: true,$/,
    lines: ["  namespace: false,"],
  },
  {
    file: "src/registry-controller/normal-form.ts",
    after: /^ {2}warm_instances: "ours",$/,
    lines: ['  namespace: "ours",'],
  },
  {
    file: "src/cli/flmctl/show/view-application.ts",
    after: /^ {2}installer: \(installer\) =>/,
    lines: ['  namespace: (name) => (name === undefined ? "" : labelled("Namespace", name)),'],
  },
  {
    file: "src/protocol/application-wire.ts",
    after: /^ {4}installer: spec\.installer,$/,
    times: 2,
    lines: ["    namespace: spec.namespace,"],
  },
  {
    file: "test/fuzz/arbitraries.ts",
    after: /^ {4}installer: fc\.constantFrom/,
    lines: ["    namespace: plain.map((text) => text.slice(0, 20)),"],
  },
  {
    file: "test/unit/application-registry/random-merges.test.ts",
    after: /^ {4}installer: \(\) => pick/,
    lines: ["    namespace: text,"],
  },
  {
    file: "test/unit/client/wire.test.ts",
    after: /^ {2}installer: "python",$/,
    lines: ['  namespace: "team-a",'],
  },
];

/** Steps 3 and 4: the messages. */
export const PROTO = [
  {
    file: "proto/flame/v1/types.proto",
    after: /^ {2}optional Packages packages = 1005;$/,
    lines: ["  // Whose the application is.", "  optional string namespace = 1999;"],
  },
  {
    file: "proto/flame/v1/shim.proto",
    after: /^ {2}optional string installer = 7;$/,
    lines: ["  // Whose the application is.", "  optional string namespace = 1999;"],
  },
];

/** What the compiler asks for beside {@link AFTER_SCHEMA} once the messages have the field. */
export const AFTER_PROTO = [
  {
    file: "src/executor-manager/executor-messages.ts",
    after: /^ {8}installer: spec\.installer,$/,
    lines: ["        namespace: spec.namespace,"],
  },
];

/** What the Python tests ask for. */
export const AFTER_PYTHON_TESTS = [
  {
    file: "sdk/python/flamepy/_model/types.py",
    after: /^ {4}installer: str \| None = None$/,
    times: 2,
    lines: ["    namespace: str | None = None"],
  },
  {
    file: "sdk/python/flamepy/_services/service.py",
    after: /^ {4}installer: str \| None = None$/,
    lines: ["    namespace: str | None = None"],
  },
  {
    file: "sdk/python/flamepy/_services/service.py",
    after: /^ {16}installer=optional\(application, "installer"\),$/,
    lines: ['                namespace=optional(application, "namespace"),'],
  },
  {
    file: "sdk/python/flamepy/_model/convert.py",
    after: /^ {8}installer=optional\(spec, "installer"\),$/,
    lines: ['        namespace=optional(spec, "namespace"),'],
  },
  {
    file: "sdk/python/flamepy/_model/convert.py",
    after: /^ {8}installer=attributes\.installer,$/,
    lines: ["        namespace=attributes.namespace,"],
  },
  {
    file: "sdk/python/tests/test_connection.py",
    after: /^ {8}installer="python",$/,
    lines: ['        namespace="team-a",'],
  },
];

/** Step 5: what the walk asks for. */
export const AFTER_WALK = [
  {
    file: "test/field-walk/samples.ts",
    after: /^ {2}installer: "python",$/,
    lines: ['  namespace: "team-a",'],
  },
  {
    file: "test/field-walk/service-walk.test.ts",
    after: /^ {4}installer: "binary",$/,
    lines: ['    namespace: "team-a",'],
  },
];
