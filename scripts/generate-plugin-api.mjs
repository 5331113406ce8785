#!/usr/bin/env node
// Writes plugin-api.d.ts, which plugins import their types from: one file that needs no other, from
// src/plugins/plugin-api.ts and the types of the application schema.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const read = (name) => readFileSync(path(name), "utf8");

/** Without what only this repository's own tools read: imports, remarks for the linter, the note on how it was made. */
const published = (text) =>
  text.replaceAll(/^(?:import .*;|\/\* eslint-.* \*\/|\/\/ Generated from .*)\n+/gm, "");

const text = `// Flame for TypeScript: the interface of plugins, version 1. How to use it: docs/plugins.md.
// Generated from src/plugins/plugin-api.ts and schemas/application.schema.json by scripts/generate-plugin-api.mjs; do not edit.

${published(read("src/plugins/plugin-api.ts"))}
${published(read("src/model/application-spec.ts"))}`;

writeFileSync(path("plugin-api.d.ts"), text);
