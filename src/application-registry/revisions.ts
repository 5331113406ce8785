import type { ApplicationRecord, RevisionCause } from "../model/application.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { ownersAfter } from "./field-owners.ts";
import type { ApplyApplication, RegisterApplication } from "./inputs.ts";

/** What makes a revision: the checked manifest, who brings it, and who keeps the application from now on. */
type RevisionInput = RegisterApplication & Pick<ApplyApplication, "owner">;

/** The first revision of an application that was absent. */
export function firstRevision(
  input: RevisionInput,
  cause: RevisionCause,
  now: number,
): ApplicationRecord {
  const { name, owner, manifest, spec, origin, author } = input;
  return Object.freeze({
    name,
    state: "Enabled",
    creationTime: now,
    revision: 1,
    revisionTime: now,
    origin,
    author,
    cause,
    ...(owner !== undefined && { owner, createdBy: owner }),
    fieldOwners: ownersAfter(undefined, { manifest }, { origin, author }),
    manifest,
    spec,
  });
}

/** The same without what disabled it. */
export function enabledAgain(record: ApplicationRecord): ApplicationRecord {
  const after: { -readonly [K in keyof ApplicationRecord]: ApplicationRecord[K] } = {
    ...record,
    state: "Enabled",
  };
  delete after.removedBy;
  return after;
}

/** The next revision: the whole manifest is replaced, and the application is enabled. */
export function nextRevision(
  record: ApplicationRecord,
  input: RegisterApplication,
  cause: RevisionCause,
  now: number,
  lastSeeded?: ApplicationManifestSpec,
): ApplicationRecord {
  const { manifest, spec, origin, author } = input;
  const seeded = lastSeeded ?? record.lastSeeded;
  const after = { manifest, ...(seeded !== undefined && { lastSeeded: seeded }) };
  return Object.freeze({
    ...enabledAgain(record),
    revision: record.revision + 1,
    revisionTime: now,
    origin,
    author,
    cause,
    fieldOwners: ownersAfter(record, after, { origin, author }),
    ...after,
    spec,
  });
}
