import type { ApplicationRecord } from "../model/application.ts";
import { FlameError } from "../model/errors.ts";
import type { ApplyApplication, ChangeGuard } from "./inputs.ts";

/**
 * What stands against changing an application that exists: another revision than the change was made for, and somebody
 * else who keeps it.
 * @throws FlameError aborted naming both revisions, invalid_state naming who keeps it
 */
export function refuseGuarded(
  record: ApplicationRecord,
  guard: ChangeGuard & Pick<ApplyApplication, "takesOver">,
): void {
  const { expectedRevision, owner, takesOver, force } = guard;
  const name = JSON.stringify(record.name);
  if (expectedRevision !== undefined && expectedRevision !== record.revision) {
    const { revision, author, revisionTime } = record;
    const time = new Date(revisionTime).toISOString();
    const expected =
      expectedRevision === 0 ? "that it does not exist" : `revision ${expectedRevision}`;
    const text = `application ${name} is at revision ${revision}, made by ${author} at ${time}; this change expects ${expected}: look at what changed meanwhile, then make the change again`;
    throw new FlameError("aborted", text);
  }
  if (record.owner === undefined || force === true) return;
  if (record.owner === owner || record.owner === takesOver) return;
  const text = `application ${name} is kept by ${record.owner}: change it there, or force the change, which then lasts until ${record.owner} is applied again`;
  throw new FlameError("invalid_state", text);
}

/** @throws FlameError aborted when the change was made for an application that is gone */
export function refuseGone(name: string, { expectedRevision = 0 }: ChangeGuard): void {
  if (expectedRevision === 0) return;
  const text = `application ${JSON.stringify(name)} does not exist; this change expects revision ${expectedRevision}: it was unregistered meanwhile`;
  throw new FlameError("aborted", text);
}
