#!/usr/bin/env node
// Writes src/model/application-spec.ts from schemas/application.schema.json.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const schemaFile = fileURLToPath(new URL("../schemas/application.schema.json", import.meta.url));
const typesFile = fileURLToPath(new URL("../src/model/application-spec.ts", import.meta.url));

const { spec } = JSON.parse(readFileSync(schemaFile, "utf8")).properties;

// Titles are for editors; here each would become a type of its own.
const withoutTitles = (node) =>
  JSON.parse(JSON.stringify(node, (key, value) => (key === "title" ? undefined : value)));

const manifestText = await compile(
  {
    ...withoutTitles(spec),
    description: "The specification as it was written: checked, before defaults.",
  },
  "ApplicationManifestSpec",
  { bannerComment: "", ignoreMinAndMaxItems: true, style: { printWidth: 100 } },
);
const readonlyText = manifestText
  .replaceAll(/^(\s+)([a-z_]+\??:|\[k: string\]:)/gm, "$1readonly $2")
  .replaceAll(/: (\w+)\[\]/g, ": readonly $1[]");

const defaulted = Object.entries(spec.properties)
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

writeFileSync(typesFile, text);
