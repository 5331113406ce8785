import type { ApplicationRecord, FieldOwner, FieldOwners } from "../model/application.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { type FieldChange, type FieldValue, fieldsOf, manifestOf } from "./fields.ts";
import type { ApplyApplication } from "./inputs.ts";

type Change = Pick<ApplyApplication, "owner" | "takesOver" | "release">;

/**
 * The application before its manifest changes, with who keeps it afterwards: who applies as an owner does, who forces a
 * change leaves it with its owner, and nobody does when its owner lets go of it.
 */
export function withOwner(before: ApplicationRecord, change: Change): ApplicationRecord {
  const { owner, takesOver, release } = change;
  if (release === true) return released(before);
  if (owner === undefined || owner === before.owner) return before;
  if (takesOver === undefined || takesOver !== before.owner) {
    return Object.freeze({ ...before, owner });
  }
  const { createdBy } = before;
  return Object.freeze({
    ...before,
    owner,
    ...(createdBy === takesOver && { createdBy: owner }),
    fieldOwners: renamed(before.fieldOwners, takesOver, owner),
  });
}

/**
 * What is left of an application when its file lets go of it: of a shipped one, the fields that the file set go back to
 * the shipped default, or away; any other stays as it is.
 */
export function manifestWithout(
  { manifest, lastSeeded, fieldOwners }: ApplicationRecord,
  file: string,
): ApplicationManifestSpec {
  if (lastSeeded === undefined) return manifest;
  const shipped = fieldsOf(lastSeeded);
  const fields = new Map<string, FieldValue>(fieldsOf(manifest));
  for (const [path, { origin, author }] of Object.entries(fieldOwners)) {
    if (origin !== "file" || author !== file) continue;
    const value = shipped.get(path);
    if (value === undefined) fields.delete(path);
    else fields.set(path, value);
  }
  return manifestOf(fields);
}

/** Fields that went back to the shipped default are its own again. */
export function withShippedOwners(
  record: ApplicationRecord,
  changes: readonly FieldChange[],
): ApplicationRecord {
  const shipped = fieldsOf(record.lastSeeded ?? {});
  const owner = shippedOwner(record);
  const back = changes.filter(({ path, after }) => after !== undefined && shipped.has(path));
  const owners = Object.fromEntries(back.map(({ path }) => [path, owner]));
  return Object.freeze({
    ...record,
    fieldOwners: Object.freeze({ ...record.fieldOwners, ...owners }),
  });
}

function released(before: ApplicationRecord): ApplicationRecord {
  const { owner: _owner, createdBy: _createdBy, ...rest } = before;
  return before.owner === undefined ? before : Object.freeze(rest);
}

function renamed(owners: FieldOwners, from: string, to: string): FieldOwners {
  const entries = Object.entries(owners).map(([path, owner]): [string, FieldOwner] => [
    path,
    owner.author === from ? { ...owner, author: to } : owner,
  ]);
  return Object.freeze(Object.fromEntries(entries));
}

function shippedOwner({ name, fieldOwners }: ApplicationRecord): FieldOwner {
  const known = Object.values(fieldOwners).find(({ origin }) => origin === "default");
  return known ?? { origin: "default", author: `defaults/${name}.yaml` };
}
