import type { ApplicationRecord } from "../model/application.ts";
import type { SeedAction, SeedApplication } from "./inputs.ts";
import { firstRevision, nextRevision } from "./revisions.ts";
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
  const input = { ...shipped, origin: "default" } as const;
  const lastSeeded = shipped.manifest;
  if (before === undefined) {
    const record = firstRevision(input, { kind: "seed" }, now);
    return { action: "created", record: Object.freeze({ ...record, lastSeeded }) };
  }
  if (sameDocument(before.manifest, shipped.manifest)) {
    return { action: "unchanged", record: recognised(before, shipped) };
  }
  if (before.lastSeeded === undefined || !sameDocument(before.manifest, before.lastSeeded)) {
    return { action: "kept-edited", record: before };
  }
  const record = nextRevision(before, input, { kind: "seed" }, now, lastSeeded);
  return { action: "followed", record };
}

/** What equals the shipped one counts as seeded, also when somebody registered it by hand: it follows from now on. */
function recognised(before: ApplicationRecord, shipped: SeedApplication): ApplicationRecord {
  if (sameDocument(before.lastSeeded, shipped.manifest)) return before;
  return Object.freeze({ ...before, lastSeeded: shipped.manifest });
}
