import type { ApplicationRecord, FieldOwner, FieldOwners } from "../model/application.ts";
import { changesBetween, fieldsOf } from "./fields.ts";

/** Who set a field: as it is recorded, else who made the present revision (databases of before ownership). */
export function ownerOfField(record: ApplicationRecord, path: string): FieldOwner {
  return record.fieldOwners[path] ?? { origin: record.origin, author: record.author };
}

/**
 * The owners after a change by `changer`: what it gave another value is its own, what it left alone stays whose it was.
 * A removed field is remembered only as long as the shipped default has it.
 */
export function ownersAfter(
  before: ApplicationRecord | undefined,
  after: Pick<ApplicationRecord, "manifest" | "lastSeeded">,
  changer: FieldOwner,
): FieldOwners {
  const changed = new Set(
    changesBetween(before?.manifest ?? {}, after.manifest).map(({ path }) => path),
  );
  const fields = fieldsOf(after.manifest);
  const owners: Record<string, FieldOwner> = {};
  for (const path of fields.keys()) {
    const kept = before !== undefined && !changed.has(path);
    owners[path] = kept ? ownerOfField(before, path) : changer;
  }
  for (const path of fieldsOf(after.lastSeeded ?? {}).keys()) {
    if (fields.has(path)) continue;
    const remover = changed.has(path) ? changer : before?.fieldOwners[path];
    if (remover !== undefined) owners[path] = remover;
  }
  return Object.freeze(owners);
}
