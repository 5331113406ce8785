import schema from "../../schemas/application.schema.json" with { type: "json" };
import { deepFreeze, fillDefaults } from "../documents/defaults.ts";
import { checkWith, type SchemaCheck } from "../documents/schema-check.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";
import validate from "./generated/application.ts";

/** The keys of `spec`, in the order in which documents show them. */
export const specKeys: readonly string[] = Object.keys(schema.properties.spec.properties);

/** Checks the shape of a whole manifest: every fault, nothing filled in. */
export const checkShape: SchemaCheck = checkWith(validate);

/** The schema has defaults for keys of `spec` itself only; what it says of an absent key is the same for all. */
const defaults: readonly (readonly [string, unknown])[] = Object.entries(
  deepFreeze(fillDefaults(schema.properties.spec, {}) as object),
);

/**
 * The frozen specification of a checked manifest: the only place where defaults are filled in. It shares what the
 * manifest says, which is frozen with it: thousands of applications are loaded at a start.
 */
export function specOf(manifest: ApplicationManifestSpec): ApplicationSpec {
  const filled: Record<string, unknown> = { ...manifest };
  for (const [key, value] of defaults) filled[key] ??= value;
  return deepFreeze(filled as unknown as ApplicationSpec);
}
