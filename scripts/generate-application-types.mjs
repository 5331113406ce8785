#!/usr/bin/env node
// Writes src/model/application-spec.ts from schemas/application.schema.json.
// With --check it writes nothing and fails when the file is not what the schema gives.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const schemaFile = fileURLToPath(new URL("../schemas/application.schema.json", import.meta.url));
const typesFile = fileURLToPath(new URL("../src/model/application-spec.ts", import.meta.url));

const { properties, $defs } = JSON.parse(readFileSync(schemaFile, "utf8"));
const spec = { ...properties.spec, $defs };

// Titles would become types of their own, and $refs lose what stands beside them.
function plain(node) {
  if (Array.isArray(node)) return node.map(plain);
  if (typeof node !== "object" || node === null) return node;
  const { title: _title, $ref: _ref, ...rest } = node;
  const merged = typeof node.$ref === "string" ? { ...$defs[node.$ref.slice(8)], ...rest } : rest;
  return Object.fromEntries(
    Object.entries(merged).map(([key, child]) => [
      key,
      key === "properties" ? namedNodes(child) : plain(child),
    ]),
  );
}

// Below `properties` the keys are names of the document, whatever they are called.
const namedNodes = (nodes) =>
  Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, plain(node)]));

const { $defs: _defs, ...schema } = plain(spec);
const manifestText = await compile(
  { ...schema, description: "The specification as it was written: checked, before defaults." },
  "ApplicationManifestSpec",
  { bannerComment: "", ignoreMinAndMaxItems: true, style: { printWidth: 100 } },
);
const readonlyText = manifestText
  .replaceAll(/^(\s+)([a-z_]+\??:|\[k: string\]:)/gm, "$1readonly $2")
  .replaceAll(/: (\w+)\[\]/g, ": readonly $1[]");

const defaulted = Object.entries(properties.spec.properties)
  .filter(([, node]) => "default" in node)
  .map(([key]) => `  | "${key}"`);

const text = `// Generated from schemas/application.schema.json by scripts/generate-application-types.mjs; do not edit.

${readonlyText}
type Defaulted =
${defaulted.join("\n")};

/**
 * The specification with every default filled in: what everything behind the door reads.
 */
export type ApplicationSpec = Omit<ApplicationManifestSpec, Defaulted> &
  Required<Pick<ApplicationManifestSpec, Defaulted>>;
`;

if (!process.argv.includes("--check")) {
  writeFileSync(typesFile, text);
} else if (readFileSync(typesFile, "utf8") !== text) {
  process.stderr.write(`${typesFile} is not what ${schemaFile} gives; run: npm run gen\n`);
  process.exitCode = 1;
}
