import { FlameError } from "../../model/errors.ts";
import { clientIdKey, clientIdOf } from "../../protocol/client-id.ts";
import type { PresenceServer } from "../../protocol/generated/flame/client/v1/client.ts";
import { doorOf, unary } from "../calls/call-helpers.ts";
import type { Engine } from "../engine/engine.ts";

/** A client may miss so many beats before it counts as gone. */
const beatsPerTimeout = 4;

function onlyOtherMakes({ state }: Engine): boolean {
  let isAnyReady = false;
  for (const { record, version } of state.nodes.all()) {
    if (record.state !== "Ready") continue;
    if (version !== undefined) return false;
    isAnyReady = true;
  }
  return isAnyReady;
}

/**
 * `flame.client.v1.Presence`: clients of our SDKs say that they are there (docs/protocol.md, "Unused sessions").
 * @param deps.absentClientMs 0: no session is closed for absence, and no beat is wanted
 */
export function presenceService(deps: {
  readonly engine: Engine;
  readonly absentClientMs: number;
}): PresenceServer {
  const { engine, absentClientMs } = deps;
  const nextMs = Math.min(Math.ceil(absentClientMs / beatsPerTimeout), 0xffff_ffff);
  return {
    beat: unary(async (_request, call) => {
      const client = clientIdOf(call.metadata);
      if (client === undefined) {
        throw new FlameError(
          "invalid_argument",
          `the beat names no client: expected metadata ${clientIdKey} with 1 to 128 printable characters without spaces`,
        );
      }
      await doorOf(engine, call).ask("client.beat", { client });
      return { nextMs, onlyOtherMakes: onlyOtherMakes(engine) };
    }),
  };
}
