import type { ApplicationRecord } from "../model/application.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { FlameError } from "../model/errors.ts";
import { ownersAfter } from "./field-owners.ts";
import type { SeedApplication, SeedOutcome } from "./inputs.ts";
import { enabledAgain, firstRevision, nextRevision } from "./revisions.ts";
import { sameDocument } from "./same-document.ts";
import { mergeManifests } from "./three-way.ts";

/**
 * What is to become of one default application: docs/registry.md, "Default applications and your edits".
 * A merge has to pass the check of manifests before it can be carried out.
 */
export type SeedPlan =
  | { readonly action: "created" | "unchanged" }
  | { readonly action: "followed"; readonly followed: readonly string[] }
  | {
      readonly action: "merged";
      readonly manifest: ApplicationManifestSpec;
      readonly followed: readonly string[];
      readonly kept: readonly string[];
    }
  | {
      readonly action: "kept-edited";
      readonly kept: readonly string[];
      /** All that changed in the shipped one is something that was changed here: nothing is left to follow. */
      readonly caughtUp: boolean;
    };

/** Compares what was last seeded, what is there and what is shipped. Only manifests and the owner count, not who edited. */
export function planSeed(
  before: ApplicationRecord | undefined,
  shipped: ApplicationManifestSpec,
): SeedPlan {
  if (before === undefined) return { action: "created" };
  const { manifest: mine, lastSeeded: base, owner } = before;
  if (sameDocument(mine, shipped)) return { action: "unchanged" };
  // Nobody knows what an edit is where nothing was seeded, and an owner's word is the whole manifest.
  if (base === undefined || owner !== undefined) {
    return { action: "kept-edited", kept: [], caughtUp: false };
  }
  const { manifest, followed, kept } = mergeManifests(base, mine, shipped);
  if (kept.length === 0 && followed.length === 0) return { action: "unchanged" };
  if (kept.length === 0) return { action: "followed", followed };
  if (followed.length === 0) return { action: "kept-edited", kept, caughtUp: true };
  return { action: "merged", manifest, followed, kept };
}

export interface Seeded {
  readonly outcome: SeedOutcome;
  /** The same object as before when nothing changed. */
  readonly record: ApplicationRecord;
}

/** @throws FlameError aborted when it is not as it was when the merge was made */
export function seedApplication(
  before: ApplicationRecord | undefined,
  shipped: SeedApplication,
  now: number,
): Seeded {
  refuseOutdated(before, shipped);
  const { name, manifest: lastSeeded } = shipped;
  const plan = planSeed(before, lastSeeded);
  const input = { ...shipped, origin: "default" } as const;
  if (before === undefined) {
    const record = firstRevision(input, { kind: "seed" }, now);
    const outcome = { name, action: "created" } as const;
    return { outcome, record: Object.freeze({ ...record, lastSeeded }) };
  }
  switch (plan.action) {
    case "followed": {
      const record = nextRevision(before, input, { kind: "seed" }, now, lastSeeded);
      return { outcome: { name, ...plan }, record };
    }
    case "merged":
      return merged(before, shipped, plan, now);
    case "kept-edited": {
      const record = plan.caughtUp ? recognised(before, lastSeeded) : before;
      return { outcome: { name, action: plan.action, kept: plan.kept }, record: enabled(record) };
    }
    default: {
      const record = enabled(recognised(before, lastSeeded));
      return { outcome: { name, action: "unchanged" }, record };
    }
  }
}

function merged(
  before: ApplicationRecord,
  { name, author, manifest: lastSeeded, merge }: SeedApplication,
  { followed, kept }: Extract<SeedPlan, { action: "merged" }>,
  now: number,
): Seeded {
  if (merge === undefined) throw outdated(name);
  // Hooks may have taken back everything that was to be followed.
  if (sameDocument(merge.manifest, before.manifest)) {
    const record = enabled(recognised(before, lastSeeded));
    return { outcome: { name, action: "kept-edited", kept }, record };
  }
  const input = { name, author, ...merge, origin: "default" } as const;
  const record = nextRevision(before, input, { kind: "seed" }, now, lastSeeded);
  return { outcome: { name, action: "merged", followed, kept }, record };
}

function refuseOutdated(
  before: ApplicationRecord | undefined,
  { name, expectedRevision }: SeedApplication,
): void {
  if (expectedRevision === undefined || expectedRevision === (before?.revision ?? 0)) return;
  throw outdated(name);
}

function outdated(name: string): FlameError {
  const text = `the default application ${JSON.stringify(name)} was changed while it was compared with the shipped one: compare again`;
  return new FlameError("aborted", text);
}

/** The shipped one counts as seeded, also when somebody registered it by hand: it follows from now on. */
function recognised(
  before: ApplicationRecord,
  lastSeeded: ApplicationManifestSpec,
): ApplicationRecord {
  if (sameDocument(before.lastSeeded, lastSeeded)) return before;
  const after = { manifest: before.manifest, lastSeeded };
  const { origin, author } = before;
  return Object.freeze({
    ...before,
    lastSeeded,
    fieldOwners: ownersAfter(before, after, { origin, author }),
  });
}

/** A default that was to go with its last session is back, as one that has gone already would be. */
function enabled(record: ApplicationRecord): ApplicationRecord {
  if (record.state === "Enabled" || record.lastSeeded === undefined) return record;
  return Object.freeze(enabledAgain(record));
}
