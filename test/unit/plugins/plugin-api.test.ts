import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import type { FlamePlugin, ManifestDraft } from "flame/plugin";
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

/** What the compiler has against a file, beside the declaration itself checked as strictly as it goes. */
function faultsOf(text: string): readonly string[] {
  const file = join(root, "test/unit/plugins/third-party.ts");
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
  };
  const host = ts.createCompilerHost(options);
  const withFile: ts.CompilerHost = {
    ...host,
    getSourceFile: (name, ...rest) =>
      name === file
        ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022)
        : host.getSourceFile(name, ...rest),
    fileExists: (name) => name === file || host.fileExists(name),
  };
  const program = ts.createProgram([file, declaration], options, withFile);
  const found = [program.getSourceFile(file), program.getSourceFile(declaration)].flatMap((one) => [
    ...program.getSyntacticDiagnostics(one),
    ...program.getSemanticDiagnostics(one),
  ]);
  return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "));
}

const plugin = (parts: string): string =>
  `import type { FlamePlugin } from "flame/plugin";
   const plugin: FlamePlugin = { name: "x", ${parts} };
   export default plugin;`;

describe("plugin-api.d.ts", () => {
  it("stands alone and types a plugin from outside", () => {
    expect(faultsOf(plugin("apiVersion: 1, start: ({ logger }) => logger.info({}, 'x')"))).toEqual(
      [],
    );
    expect(typed.apiVersion).toBe(1);
  });

  it.each([
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
  ])("makes %s an error of the compiler", (_what, parts, text) => {
    expect(faultsOf(plugin(parts)).join(" ")).toContain(text);
  });

  it("is what the package gives away", () => {
    const { exports, files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      exports: Record<string, { types: string }>;
      files: string[];
    };
    expect(exports["./plugin"]?.types).toBe("./plugin-api.d.ts");
    expect(files).toContain("plugin-api.d.ts");
  });
});
