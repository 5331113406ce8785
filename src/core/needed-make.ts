import type { ApplicationRecord } from "../model/application.ts";
import type { SessionRecord } from "../model/session.ts";
import type { CoreState } from "./state.ts";

/** What of a session only nodes of this make can serve: a frame that others do not read, or packages that they do not install. */
export type OwnNeed = "frame" | "packages";

/** Why a session is for nodes of this make alone (docs/protocol.md, 15.2 and 33.9); undefined: it is for any. */
export function needOfThisMake(
  { options }: CoreState,
  { framed, packages }: SessionRecord,
  { spec }: ApplicationRecord,
): OwnNeed | undefined {
  if (framed === true && options.isReplacedElsewhere(spec)) return "frame";
  return packages !== undefined || (spec.packages ?? []).length > 0 ? "packages" : undefined;
}
