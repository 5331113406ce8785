import schema from "../../schemas/application.schema.json" with { type: "json" };
import { deepFreeze, fillDefaults } from "../documents/defaults.ts";
import { checkWith, type SchemaCheck } from "../documents/schema-check.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";
import validate from "./generated/application.ts";

/** The keys of `spec`, in the order in which documents show them. */
export const specKeys: readonly string[] = Object.keys(schema.properties.spec.properties);

/** Checks the shape of a whole manifest: every fault, nothing filled in. */
export const checkShape: SchemaCheck = checkWith(validate);

/** The frozen specification of a checked manifest: the only place where defaults are filled in. */
export function specOf(manifest: ApplicationManifestSpec): ApplicationSpec {
  const filled = fillDefaults(schema.properties.spec, structuredClone(manifest));
  return deepFreeze(filled as ApplicationSpec);
}
