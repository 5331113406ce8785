import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { FlamePlugin, ManifestDraft } from "flame-ts/plugin";
import ts from "typescript";

const root = join(import.meta.dirname, "../../..");
const declaration = join(root, "plugin-api.d.ts");

/** A plugin in TypeScript that uses each part of the interface; `tsc` checks it with everything else. */
const typed: FlamePlugin<{ readonly team: string }> = {
  name: "typed",
  apiVersion: 1,
  optionsSchema: { type: "object", properties: { team: { type: "string" } } },
  hooks: ({ options: { team } }) => ({
    mutate: (draft: ManifestDraft, { origin }) => {
      if (origin !== "default") draft.spec.labels = [team];
    },
    validate: async ({ spec }, _source, { signal }) => {
      signal.throwIfAborted();
      return spec.labels.includes(team) ? [] : [{ path: "spec.labels", got: "x", expected: team }];
    },
  }),
  start: async ({ applications, logger, onClose }) => {
    const stop = applications.watch(({ kind, application }) => {
      logger.info({ revision: application.revision }, `${application.name} ${kind}`);
    });
    onClose(stop);
    await applications.apply([{ metadata: { name: "typed" }, spec: { command: "/bin/true" } }]);
  },
};

/** What the compiler has against each text, and against the declaration itself, checked as strictly as it goes. */
function faultsOf(texts: readonly string[]): readonly (readonly string[])[] {
  const sources = new Map(
    texts.map((text, index) => [join(root, `test/unit/plugins/third-party-${index}.ts`), text]),
  );
  const options: ts.CompilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
    skipDefaultLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
    types: [],
    paths: { "flame-ts/plugin": [declaration] },
  };
  const host = ts.createCompilerHost(options);
  const withFiles: ts.CompilerHost = {
    ...host,
    getSourceFile: (name, ...rest) => {
      const text = sources.get(name);
      return text === undefined
        ? host.getSourceFile(name, ...rest)
        : ts.createSourceFile(name, text, ts.ScriptTarget.ES2022);
    },
    fileExists: (name) => sources.has(name) || host.fileExists(name),
  };
  const program = ts.createProgram([...sources.keys(), declaration], options, withFiles);
  const faultsIn = (name: string): readonly string[] => {
    const file = program.getSourceFile(name);
    const found = [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ];
    return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "));
  };
  return [...sources.keys()].map((name) => [...faultsIn(name), ...faultsIn(declaration)]);
}

const plugin = (parts: string): string =>
  `import type { FlamePlugin } from "flame-ts/plugin";
   const plugin: FlamePlugin = { name: "x", ${parts} };
   export default plugin;`;

/** What is wrong, its code, and a word of what the compiler says. */
const wrong = [
  ["no version", "start() {}", "apiVersion"],
  ["another version", "apiVersion: 2, start() {}", "Type '2' is not assignable to type '1'"],
  ["a misspelt hook", "apiVersion: 1, hooks: () => ({ mutat() {} })", "mutat"],
  [
    "a fault without what was expected",
    "apiVersion: 1, hooks: () => ({ validate: () => [{ path: 'a', got: 'b' }] })",
    "expected",
  ],
  [
    "a manifest with an unknown key",
    "apiVersion: 1, start: async ({ applications }) => { await applications.apply({ metadata: { name: 'a' }, spec: { comand: 'x' } }); }",
    "comand",
  ],
] as const;

describe("plugin-api.d.ts", () => {
  it("stands alone and types a plugin from outside; what is wrong is an error of the compiler", () => {
    const right = plugin("apiVersion: 1, start: ({ logger }) => logger.info({}, 'x')");
    const texts = [right, ...wrong.map(([, parts]) => plugin(parts))];
    const [none, ...faults] = faultsOf(texts);
    expect(none).toEqual([]);
    for (const [index, [what, , word]] of wrong.entries()) {
      expect([what, faults[index]?.join(" ")]).toEqual([what, expect.stringContaining(word)]);
    }
    expect(typed.apiVersion).toBe(1);
  });

  it("is what the npm package gives away, as types alone", () => {
    const manifest = readFileSync(join(root, "sdk/typescript/package.json"), "utf8");
    const { exports } = JSON.parse(manifest) as { exports: Record<string, { types: string }> };
    expect(exports["./plugin"]).toEqual({ types: "./plugin.d.ts" });
  });
});
