#!/usr/bin/env node
// Writes src/config/generated/raw-cluster-config.ts from schemas/cluster.schema.json.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const schemaFile = fileURLToPath(new URL("../schemas/cluster.schema.json", import.meta.url));
const typesFile = fileURLToPath(
  new URL("../src/config/generated/raw-cluster-config.ts", import.meta.url),
);

/** Titles would become types of their own; a key with a default is there once defaults are filled in. */
function filled(node) {
  if (Array.isArray(node)) return node.map(filled);
  if (typeof node !== "object" || node === null) return node;
  // A description beside a reference would make a copy of what is referred to.
  if ("$ref" in node) return { $ref: node.$ref };
  const { title: _title, ...rest } = node;
  const copy = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, filled(value)]));
  if (typeof node.properties !== "object") return copy;
  const defaulted = Object.keys(node.properties).filter((key) => "default" in node.properties[key]);
  return { ...copy, required: [...new Set([...(node.required ?? []), ...defaulted])] };
}

const { $schema: _schema, $id: _id, ...schema } = JSON.parse(readFileSync(schemaFile, "utf8"));
const text = await compile(
  {
    ...filled(schema),
    description: "flame-cluster.yaml after the check of its schema, with every default filled in.",
  },
  "RawClusterConfig",
  { bannerComment: "", ignoreMinAndMaxItems: true, unreachableDefinitions: false },
);
const readonlyText = text
  .replaceAll(/^(\s+)([a-z_]+\??:|\[k: string\]:)/gm, "$1readonly $2")
  .replaceAll(/: (\w+|\([^()]*\))\[\]/g, ": readonly $1[]");

writeFileSync(
  typesFile,
  `// Generated from schemas/cluster.schema.json by scripts/generate-config-types.mjs; do not edit.\n\n${readonlyText}`,
);
