import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { sameDocument } from "./same-document.ts";

/** What a field is set to; never undefined. */
export type FieldValue = string | number | readonly string[] | Readonly<Record<string, never>>;

/** The fields of a manifest by their path below `spec`, in the schema's order. */
export type Fields = ReadonlyMap<string, FieldValue>;

/** One field that differs between two manifests; an absent side means that the field is not set there. */
export interface FieldChange {
  /** Below `spec`: `command`, `environments.PATH`, `schema.input`. */
  readonly path: string;
  readonly before?: FieldValue;
  readonly after?: FieldValue;
}

/** Keys whose entries are fields of their own: two people may set two variables. Lists are one field, their order counts. */
const mappings: readonly string[] = ["environments", "schema"];

/** Splits a manifest into its fields; {@link manifestOf} puts them together again. */
export function fieldsOf(manifest: ApplicationManifestSpec): Fields {
  const fields = new Map<string, FieldValue>();
  for (const [key, value] of Object.entries(manifest) as [string, FieldValue | undefined][]) {
    if (value === undefined) continue;
    const entries = mappings.includes(key) ? Object.entries(value) : [];
    if (entries.length === 0) fields.set(key, value);
    for (const [name, entry] of entries) fields.set(`${key}.${name}`, entry as FieldValue);
  }
  return fields;
}

/** The manifest that has exactly these fields. An empty mapping beside entries of it says nothing. */
export function manifestOf(fields: Fields): ApplicationManifestSpec {
  const manifest: Record<string, unknown> = {};
  for (const [path, value] of fields) {
    const [key, name] = splitPath(path);
    if (name === undefined) manifest[key] ??= value;
    else manifest[key] = { ...(manifest[key] as object | undefined), [name]: value };
  }
  return manifest;
}

/** What differs, in the order of the new manifest, removed fields last. */
export function changesBetween(
  before: ApplicationManifestSpec,
  after: ApplicationManifestSpec,
): readonly FieldChange[] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  const changes: FieldChange[] = [];
  for (const [path, value] of now) {
    const was = old.get(path);
    if (was === undefined) changes.push({ path, after: value });
    else if (!sameDocument(was, value)) changes.push({ path, before: was, after: value });
  }
  for (const [path, was] of old) if (!now.has(path)) changes.push({ path, before: was });
  return changes;
}

/** A variable's name may hold dots: only the first one separates. */
function splitPath(path: string): [key: string, name?: string] {
  const dot = path.indexOf(".");
  return dot < 0 ? [path] : [path.slice(0, dot), path.slice(dot + 1)];
}
