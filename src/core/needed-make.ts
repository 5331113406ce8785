import type { ApplicationRecord } from "../model/application.ts";
import type { SessionRecord } from "../model/session.ts";
import type { CoreState } from "./state.ts";

/**
 * Whether a session is for nodes of this make alone: others run another program for its application (docs/protocol.md,
 * 15.2), and that does not read its common data.
 */
export function needsThisMake(
  { options }: CoreState,
  { framed }: SessionRecord,
  { spec }: ApplicationRecord,
): boolean {
  return framed === true && options.isReplacedElsewhere(spec);
}
