import type { ApplicationRecord } from "../model/application.ts";
import type { SeedAction, SeedApplication } from "./inputs.ts";
import { sameDocument } from "./same-document.ts";

/**
 * Decides what becomes of one default application. Only the manifest tells whether somebody changed it: as long as it is
 * what was last seeded it follows the shipped one, whatever happened in between.
 */
export function seedApplication(
  before: ApplicationRecord | undefined,
  shipped: SeedApplication,
  now: number,
): { action: SeedAction; record: ApplicationRecord } {
  const revision = {
    revisionTime: now,
    origin: "default",
    ...shipped,
    lastSeeded: shipped.manifest,
  } as const;
  if (before === undefined) {
    const first = { state: "Enabled", creationTime: now, revision: 1 } as const;
    return { action: "created", record: Object.freeze({ ...first, ...revision }) };
  }
  if (sameDocument(before.manifest, shipped.manifest)) {
    return { action: "unchanged", record: recognised(before, shipped) };
  }
  if (before.lastSeeded === undefined || !sameDocument(before.manifest, before.lastSeeded)) {
    return { action: "kept-edited", record: before };
  }
  const next = { ...before, ...revision, revision: before.revision + 1 };
  return { action: "followed", record: Object.freeze(next) };
}

/** What equals the shipped one counts as seeded, also when somebody registered it by hand: it follows from now on. */
function recognised(before: ApplicationRecord, shipped: SeedApplication): ApplicationRecord {
  if (sameDocument(before.lastSeeded, shipped.manifest)) return before;
  return Object.freeze({ ...before, lastSeeded: shipped.manifest });
}
