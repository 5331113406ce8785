import schema from "../../schemas/application.schema.json" with { type: "json" };
import { deepFreeze, fillDefaults } from "../documents/defaults.ts";
import { compileSchema, type SchemaCheck } from "../documents/schema-check.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";

/** The published schema of application manifests: fields, limits, defaults and descriptions. */
export const applicationSchema = schema;

/** The keys of `spec`, in the order in which documents show them. */
export const specKeys: readonly string[] = Object.keys(schema.properties.spec.properties);

let compiled: SchemaCheck | undefined;

/** Checks the shape of a whole manifest: every fault, nothing filled in. */
export const checkShape: SchemaCheck = (value) => {
  compiled ??= compileSchema(schema);
  return compiled(value);
};

/** The frozen specification of a checked manifest: the only place where defaults are filled in. */
export function specOf(manifest: ApplicationManifestSpec): ApplicationSpec {
  const filled = fillDefaults(schema.properties.spec, structuredClone(manifest));
  return deepFreeze(filled as ApplicationSpec);
}
