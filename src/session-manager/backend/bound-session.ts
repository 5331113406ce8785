import type { BindReply } from "../../executors/executor-book.ts";
import type { Bind } from "../../protocol/generated/flame/stream/v1/nodes.ts";
import { applicationToWire, sessionToWire } from "../../protocol/record-wire.ts";
import type { PayloadRead } from "../engine/payloads.ts";

/** What an executor is to serve; nothing when its session was deleted while its common data were read. */
export function boundToWire(
  { bound }: BindReply,
  commonData: PayloadRead,
): Pick<Bind, "application" | "session"> {
  if (bound === undefined || commonData === "gone")
    return { application: undefined, session: undefined };
  return {
    application: applicationToWire(bound.application),
    session: sessionToWire(bound.session, commonData),
  };
}
