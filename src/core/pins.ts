import type { ApplicationRecord } from "../model/application.ts";
import type { SessionRecord } from "../model/session.ts";
import type { CoreState } from "./state.ts";

// A session stays with the revision of its application that it was created with (ARCHITECTURE.md, "Decisions").

/** Keeps a revision that is no longer the present one, while open sessions were created with it. */
export function pin(state: CoreState, replaced: ApplicationRecord): void {
  if (inUse(state, replaced.name, replaced.revision)) state.pinned.set(keyOf(replaced), replaced);
}

/** Lets go of the revision of a session that was closed, when it was the last one. */
export function unpin(state: CoreState, { application, applicationRevision }: SessionRecord): void {
  const key = keyOf({ name: application, revision: applicationRevision });
  if (state.pinned.has(key) && !inUse(state, application, applicationRevision))
    state.pinned.delete(key);
}

function inUse(state: CoreState, name: string, revision: number): boolean {
  for (const { record } of state.sessions.openOf(name)) {
    if (record.applicationRevision === revision) return true;
  }
  return false;
}

function keyOf({ name, revision }: Pick<ApplicationRecord, "name" | "revision">): string {
  return `${name}@${revision}`;
}
