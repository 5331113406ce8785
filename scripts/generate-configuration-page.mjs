#!/usr/bin/env node
// Writes docs/configuration.md: each key of flame-cluster.yaml and of flame.yaml, from their schemas.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const fileOf = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const schemaOf = (name) => JSON.parse(readFileSync(fileOf(`schemas/${name}.schema.json`), "utf8"));

/** Type names in the words of `flmctl explain`. */
const WORDS = {
  string: "text",
  integer: "whole number",
  boolean: "true or false",
  object: "mapping",
};

function resolve(schema, node) {
  if (node.$ref === undefined) return node;
  const { $ref, ...own } = node;
  return { ...schema.$defs[$ref.slice("#/$defs/".length)], ...own };
}

/** Every key below a mapping that is no mapping of known keys itself, with the path to it. */
function* keysBelow(schema, node, path) {
  for (const [name, below] of Object.entries(node.properties ?? {})) {
    const key = resolve(schema, below);
    const place = [...path, name];
    if (key.properties !== undefined) yield* keysBelow(schema, key, place);
    else if (key.items?.properties !== undefined)
      yield* keysBelow(schema, key.items, [...place.slice(0, -1), `${name}[]`]);
    else yield { path: place.join("."), key, required: node.required?.includes(name) ?? false };
  }
}

function valueText(key) {
  if (["size", "duration"].includes(key["x-rule"])) return key["x-rule"];
  if (key["x-expected"] !== undefined) return key["x-expected"];
  if (key.enum !== undefined) return key.enum.map((value) => `\`${value}\``).join(", ");
  if (key.type === "array") return `list of ${key.items["x-expected"] ?? valueText(key.items)}`;
  if (key.type === "integer") return `${key.minimum} to ${key.maximum}`;
  return WORDS[key.type];
}

function defaultText(key, required) {
  if (required) return "required";
  return key.default === undefined ? "" : `\`${JSON.stringify(key.default)}\``;
}

const cell = (text) => text.replaceAll("|", "\\|");

function table(rows) {
  return [
    "| key | value | default | what it is |",
    "| --- | --- | --- | --- |",
    ...rows.map(
      ({ path, key, required }) =>
        `| \`${path}\` | ${cell(valueText(key))} | ${cell(defaultText(key, required))} | ${cell(key.description ?? "")} |`,
    ),
  ].join("\n");
}

function sections(schema) {
  return Object.entries(schema.properties)
    .filter(([, node]) => node.properties !== undefined)
    .map(([name, node]) => `### ${node.title}\n\n${table([...keysBelow(schema, node, [name])])}`)
    .join("\n\n");
}

const cluster = schemaOf("cluster");
const client = schemaOf("client");

writeFileSync(
  fileOf("docs/configuration.md"),
  `<!-- Generated from schemas/ by scripts/generate-configuration-page.mjs; do not edit. -->

# Configuration

Nothing needs to be configured on one machine. \`flmctl explain cluster.cluster.policies\` tells about one key what this page tells
about all; \`flmctl schema cluster > cluster.schema.json\` writes the schema for an editor. What an application may say is in its manifest
([applications.md](applications.md)): \`flmctl explain application -r\`.

A usual file:

\`\`\`yaml
cluster:
  endpoint: http://127.0.0.1:8080 # nodes use the next port
  storage: sqlite://flame.db # under FLAME_HOME/data; none keeps everything in memory
  executors:
    environment: { MY_SETTING: "value" } # for every service process
    warm: 4 # services that a node keeps started for new sessions, at most
cache:
  endpoint: grpc://127.0.0.1:9090
\`\`\`

"required" means: when anything of that part is written. A duration is a number of milliseconds, or text such as \`500ms\`, \`30s\`, \`10m\`, \`1h\`. A size is a number of bytes, or text such as
\`512m\` or \`1.5G\` (powers of 1024).

## The daemons: flame-cluster.yaml

Each daemon reads the file of its option \`--config\`, else \`FLAME_HOME/conf/flame-cluster.yaml\`, else \`~/.flame/flame-cluster.yaml\`; without
one it takes the defaults. The first line that it logs names the file. An unknown key stops the start, with the place and what was
probably meant.

${sections(cluster)}

## Clients: flame.yaml

${client.description}

${table([...keysBelow(client, client, [])])}

## Environment

| variable | what it is |
| --- | --- |
| \`FLAME_HOME\` | where programs and data are; \`/usr/local/flame\` when unset, and \`.flame\` of the checkout for \`npm start\` |
| \`FLAME_ENDPOINT\`, \`FLAME_CACHE_ENDPOINT\` | where clients find the session manager and the object cache |
| \`FLAME_CACHE_STORAGE\` | a folder that clients share with the object cache: \`cache.storage\` of their context |
| \`FLAME_CA_FILE\` | the authority that clients trust ([security.md](security.md)) |
| \`FLAME_TOKEN_FILE\`, \`FLAME_CERT_FILE\`, \`FLAME_KEY_FILE\` | what clients show to a cluster that asks who they are |
| \`FLAME_TASK_STREAMS\` | \`off\`: our tools and executor managers make a call for each task, as published ones do; \`on\` when unset |
| \`FLAME_NODE_NAME\` | the name of the node that an executor manager registers; the host's name when unset |
| \`FLAME_LOG\` | from which level on daemons and services log: \`trace\`, \`debug\`, \`info\`, \`warn\`, \`error\` or \`off\`; \`info\` when unset |
| \`FLAME_PYTHON\` | the interpreter that set-up uses; when unset, the first Python 3.12 or newer that runs |
`,
);
