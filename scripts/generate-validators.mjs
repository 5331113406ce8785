#!/usr/bin/env node
// Compiles our schemas, and the meta-schemas of JSON Schema's drafts, to validators that need no compiler at run time:
// compiling them at each start would cost every program more than the rest of its start.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";
import { build } from "esbuild";

const standaloneCode = standalone.default ?? standalone;
const root = fileURLToPath(new URL("..", import.meta.url));
const json = (path) => JSON.parse(readFileSync(`${root}${path}`, "utf8"));
const code = { source: true, esm: true, lines: false };

/** Our own schemas: strict, every fault, with what error texts need to know. */
function ownSchema(schema) {
  const options = { strict: true, allErrors: true, verbose: true, allowUnionTypes: true, code };
  const ajv = new Ajv2020(options);
  ajv.addVocabulary(["x-rule", "x-expected", "x-unavailable", "x-also"]);
  return standaloneCode(ajv, ajv.compile(schema));
}

/** Meta-schemas: the first fault ends the check, formats are not asserted. */
const metaOptions = {
  strict: false,
  validateFormats: false,
  allErrors: false,
  logger: false,
  code,
};

const draft = (ajv, id) => standaloneCode(ajv, ajv.getSchema(id));

/** A meta-schema without its dialect: the words it uses are known to the compiler that gets it. */
function compiledDraft({ $schema: _dialect, ...schema }) {
  const ajv = new Ajv({ ...metaOptions, meta: false });
  return standaloneCode(ajv, ajv.compile(schema));
}

const validators = {
  "src/manifest/generated/application.ts": ownSchema(json("schemas/application.schema.json")),
  "src/config/generated/cluster.ts": ownSchema(json("schemas/cluster.schema.json")),
  "src/config/generated/client.ts": ownSchema(json("schemas/client.schema.json")),
  "src/manifest/generated/draft-04.ts": compiledDraft(
    json("scripts/lib/json-schema-draft-04.json"),
  ),
  "src/manifest/generated/draft-06.ts": compiledDraft(
    json("node_modules/ajv/dist/refs/json-schema-draft-06.json"),
  ),
  "src/manifest/generated/draft-07.ts": draft(
    new Ajv(metaOptions),
    "http://json-schema.org/draft-07/schema",
  ),
  "src/manifest/generated/draft-2019-09.ts": draft(
    new Ajv2019(metaOptions),
    "https://json-schema.org/draft/2019-09/schema",
  ),
  "src/manifest/generated/draft-2020-12.ts": draft(
    new Ajv2020(metaOptions),
    "https://json-schema.org/draft/2020-12/schema",
  ),
};

for (const [file, source] of Object.entries(validators)) {
  // The compiler's output asks for a few helpers of its own; bundling puts them in.
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: root },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
  });
  const head =
    "// Generated from our schemas by scripts/generate-validators.mjs; do not edit.\n// @ts-nocheck\n";
  mkdirSync(dirname(`${root}${file}`), { recursive: true });
  // The compiler exports each validator twice; ours are imported by their default.
  const text = outputFiles[0].text.replace(/(export\{[^}]* as default),validate\}/, "$1}");
  writeFileSync(`${root}${file}`, `${head}${text}`);
}
