import { changesBetween, type FieldChange } from "../application-registry/index.ts";
import { specOf } from "../manifest/application-schema.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";

// Engines differ in how they write down the same application, and some forget parts of it (docs/registry.md, "What counts
// as a difference").

/**
 * Which engines keep a field: all, some (what of others is seen says so), or only session managers of this implementation:
 * one that shows such a field, or `packages`, which came later than they, keeps them all.
 */
const KEPT_BY = {
  shim: "some",
  image: "some",
  packages: "some",
  task_timeout: "ours",
  max_crashes: "ours",
  max_lost_nodes: "ours",
  warm_instances: "ours",
  description: "all",
  labels: "all",
  command: "all",
  arguments: "all",
  environments: "all",
  working_directory: "all",
  max_instances: "all",
  delay_release: "all",
  schema: "all",
  url: "all",
  installer: "all",
} as const satisfies Readonly<Record<keyof ApplicationManifestSpec, "all" | "some" | "ours">>;

type KeptBy<Who> = { [K in keyof typeof KEPT_BY]: (typeof KEPT_BY)[K] extends Who ? K : never };
type FieldKeptBy<Who> = KeptBy<Who>[keyof typeof KEPT_BY];

/** Fields that some engines do not keep. */
export type ForgottenField = FieldKeptBy<"some" | "ours">;

function keptBy<Who extends string>(...who: readonly Who[]): readonly FieldKeptBy<Who>[] {
  const fields = Object.keys(KEPT_BY) as (keyof typeof KEPT_BY)[];
  return fields.filter((field) => who.some((one) => one === KEPT_BY[field])) as FieldKeptBy<Who>[];
}

const OWN = keptBy("ours");
const FORGOTTEN = keptBy("some", "ours");
const DEFAULTS: ApplicationManifestSpec = specOf({});

/** What an application is once defaults are filled in, without what says the same as nothing: "", [] and {}. */
function normal(manifest: ApplicationManifestSpec): ApplicationManifestSpec {
  const entries = Object.entries(specOf(manifest)) as [string, unknown][];
  return Object.fromEntries(entries.filter(([, value]) => !isEmpty(value)));
}

/** What would have to change in `live` to be as `wanted`, in the words of a manifest. */
export function differences(
  live: ApplicationManifestSpec,
  wanted: ApplicationManifestSpec,
): readonly FieldChange[] {
  return changesBetween(normal(live), normal(wanted));
}

/** Of the fields that some engines forget, those that this one is seen to keep, for whichever application. */
export function keptFields(live: Iterable<ApplicationManifestSpec>): ReadonlySet<ForgottenField> {
  const kept = new Set<ForgottenField>();
  for (const spec of live) {
    if (spec.shim === "Wasm") kept.add("shim");
    if (spec.image !== undefined && spec.image !== "") kept.add("image");
    if (spec.packages !== undefined) kept.add("packages");
    const isOurs = kept.has("packages") || OWN.some((field) => spec[field] !== undefined);
    if (isOurs) for (const field of OWN) kept.add(field);
  }
  return kept;
}

/** The differences that are not only what this engine forgets. */
export function withoutLostFields(
  changes: readonly FieldChange[],
  kept: ReadonlySet<ForgottenField>,
): readonly FieldChange[] {
  return changes.filter((change) => !isForgotten(change, kept));
}

/** A field that looks as if it had never been written, in an engine that was not seen to keep it for anything. */
function isForgotten(change: FieldChange, kept: ReadonlySet<ForgottenField>): boolean {
  const field = FORGOTTEN.find((one) => one === change.path);
  if (field === undefined || kept.has(field)) return false;
  return change.before === undefined || change.before === DEFAULTS[field];
}

/** Only fields that some engines forget, or take at registration alone. */
export function isLossyOnly(changes: readonly FieldChange[]): boolean {
  return changes.every(({ path }) => FORGOTTEN.some((field) => field === path));
}

/** `command: "a" -> "b"`, for people. */
export function changeText({ path, before, after }: FieldChange): string {
  return `${path}: ${valueText(before)} -> ${valueText(after)}`;
}

function valueText(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}...` : text;
}

/** How much of a value a line of the report repeats. */
const VALUE_CHARACTERS_MAX = 80;

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return typeof value === "object" && Object.values(value).every((one) => one === undefined);
}
