import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { type Fields, type FieldValue, fieldsOf, manifestOf } from "./fields.ts";
import { sameDocument } from "./same-document.ts";

/**
 * Whether a field says which program runs: those that do are one group, since half of one program and half of another would
 * run neither.
 */
const SAYS_PROGRAM: Readonly<Record<keyof ApplicationManifestSpec, boolean>> = {
  shim: true,
  image: true,
  command: true,
  arguments: true,
  working_directory: true,
  url: true,
  installer: true,
  description: false,
  labels: false,
  environments: false,
  max_instances: false,
  delay_release: false,
  task_timeout: false,
  max_crashes: false,
  max_lost_nodes: false,
  warm_instances: false,
  schema: false,
  packages: false,
};
const PROGRAM: readonly string[] = Object.entries(SAYS_PROGRAM).flatMap(([field, does]) =>
  does ? [field] : [],
);

/** A manifest that keeps one's changes and follows the other in the rest. */
export interface Merge {
  readonly manifest: ApplicationManifestSpec;
  /** Fields where the result differs from `mine`, because `theirs` moved on. */
  readonly followed: readonly string[];
  /** Fields that were changed between `base` and `mine` and differ from `theirs`. */
  readonly kept: readonly string[];
}

/**
 * Merges two changes of one manifest: what `mine` changed since `base` stays, the rest is as in `theirs`. Field by field
 * ({@link fieldsOf}: each variable and each attached schema is one), except that the fields which say what program runs
 * are one group. Pure and total; whether the result is a valid manifest is for the check to say.
 */
export function mergeManifests(
  base: ApplicationManifestSpec,
  mine: ApplicationManifestSpec,
  theirs: ApplicationManifestSpec,
): Merge {
  const [old, own, shipped] = [fieldsOf(base), fieldsOf(mine), fieldsOf(theirs)];
  const keep = keeper(old, own);
  const paths = [...new Set([...shipped.keys(), ...own.keys()])];
  const merged = new Map<string, FieldValue>();
  const [followed, kept]: [string[], string[]] = [[], []];
  for (const path of paths) {
    const value = (keep(path) ? own : shipped).get(path);
    if (value !== undefined) merged.set(path, value);
    if (!sameField(path, value, own.get(path))) followed.push(path);
    if (keep(path) && !sameField(path, value, shipped.get(path))) kept.push(path);
  }
  return { manifest: manifestOf(merged), followed, kept };
}

/** Says of each field whether `own` changed it since `old`: alone, or as a part of the group. */
function keeper(old: Fields, own: Fields): (path: string) => boolean {
  const changed = (path: string): boolean => !sameField(path, old.get(path), own.get(path));
  const program = PROGRAM.some(changed);
  return (path) => (PROGRAM.includes(path) ? program : changed(path));
}

/** What messages of the published calls cannot tell apart is the same: Host and no shim, an empty list or mapping and none. */
function sameField(path: string, a: FieldValue | undefined, b: FieldValue | undefined): boolean {
  return sameDocument(meaningOf(path, a), meaningOf(path, b));
}

function meaningOf(path: string, value: FieldValue | undefined): FieldValue | undefined {
  if (path === "shim" && value === "Host") return undefined;
  const empty = typeof value === "object" && Object.keys(value).length === 0;
  return empty ? undefined : value;
}
