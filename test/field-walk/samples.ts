import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const schema = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../schemas/application.schema.json"), "utf8"),
) as { properties: { spec: { properties: Record<string, { default?: unknown }> } } };

/** Every key of `spec`, read from the schema: a new one walks as soon as it has a sample. */
export const specKeys = Object.keys(schema.properties.spec.properties);

/** What replies show for a key that the manifest leaves out; undefined: it stays absent. */
export function defaultOf(key: string): unknown {
  return schema.properties.spec.properties[key]?.default;
}

/** One value for each key that differs from its default. */
export const samples: Readonly<Record<string, unknown>> = {
  shim: "Wasm",
  image: "registry.local/image:1",
  description: "walks every hop",
  labels: ["one", "two"],
  command: "${FLAME_HOME}/bin/anything",
  arguments: ["-x", "${HOME}", ""],
  environments: { KEY: "value", EMPTY: "" },
  working_directory: "/srv/walk",
  max_instances: 3,
  delay_release: 7,
  task_timeout: 90,
  max_crashes: 2,
  max_lost_nodes: 4,
  warm_instances: 2,
  schema: {
    input: '{"type":"object"}',
    output: '{"type":"string"}',
    common_data: '{"$schema":"http://json-schema.org/draft-07/schema#","type":"array"}',
  },
  url: "file:///opt/walk/package-1.0-py3-none-any.whl",
  installer: "python",
  packages: ["numpy>=2"],
};

/** The value of `key` as the wire's message holds it (docs/protocol.md, "Messages"). */
export function onTheWire(key: string, value: unknown): unknown {
  switch (key) {
    case "shim":
      return value === "Wasm" ? 1 : 0;
    case "environments":
      return Object.entries(value as Record<string, string>).map(([name, text]) => ({
        name,
        value: text,
      }));
    case "packages":
      return { entries: value };
    case "delay_release":
      return BigInt(value as number);
    case "schema": {
      const {
        input,
        output,
        common_data: commonData,
      } = value as Record<string, string | undefined>;
      return { input, output, commonData };
    }
    default:
      return value;
  }
}

/** `working_directory` -> `workingDirectory`: how generated TypeScript spells a field. */
export function camel(key: string): string {
  return key.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
