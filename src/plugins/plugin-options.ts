import { deepFreeze } from "../documents/defaults.ts";
import { faultText, pathText } from "../documents/fault.ts";
import { checkWith, OWN_KEYWORDS, type SchemaCheck } from "../documents/schema-check.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import type { FlamePlugin } from "./plugin.ts";

/**
 * Checks a plugin's options by its own schema and freezes them.
 * @throws FlameError invalid_config naming the plugin and every fault, or saying that its schema is none.
 */
export async function checkOptions(
  plugin: FlamePlugin,
  options: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const refuse = (reason: string): FlameError =>
    new FlameError("invalid_config", `plugin ${JSON.stringify(plugin.name)}: ${reason}`);
  const [first] = Object.keys(options);
  // The usual case needs no compiler, which takes longer to load than the rest of the start.
  if (first === undefined && requiresNothing(plugin.optionsSchema)) return deepFreeze({});
  if (plugin.optionsSchema === undefined) {
    throw refuse(
      `got the option ${JSON.stringify(first)}, expected none: this plugin takes no options`,
    );
  }
  let check: SchemaCheck;
  try {
    check = await compile(plugin.optionsSchema);
  } catch (thrown) {
    throw refuse(`its optionsSchema is no JSON Schema: ${textOf(thrown)}`);
  }
  const faults = check(options);
  if (faults.length === 0) return deepFreeze(structuredClone(options));
  throw refuse(
    faults
      .map(({ at, ...fault }) => faultText({ ...fault, path: pathText(["options", ...at]) }))
      .join("; "),
  );
}

/** What says nothing against an empty mapping, beside `type: object`. */
const SHAPE_KEYWORDS = new Set([
  "$schema",
  "$id",
  "title",
  "description",
  "properties",
  "additionalProperties",
]);

function requiresNothing(schema: object = {}): boolean {
  return Object.entries(schema).every(([key, value]) =>
    key === "type" ? value === "object" : SHAPE_KEYWORDS.has(key),
  );
}

async function compile(schema: object): Promise<SchemaCheck> {
  // A bundle keeps only the default of a CommonJS module that is imported late; Node has it too.
  const { default: library } = await import("ajv/dist/2020.js");
  const ajv = new library.Ajv2020({
    strict: true,
    allErrors: true,
    verbose: true,
    allowUnionTypes: true,
  });
  ajv.addVocabulary(OWN_KEYWORDS);
  return checkWith(ajv.compile(schema));
}
