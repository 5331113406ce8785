import type { NodeEntry } from "../executors/node-book.ts";
import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { NodeCaller } from "../model/node.ts";
import type { CoreState } from "./state.ts";

/** Whether another instance speaks for the node. Who does not tell its instance is never foreign: the latest wins. */
export function isForeign({ record }: NodeEntry, { instance }: NodeCaller): boolean {
  return record.instance !== undefined && instance !== undefined && instance !== record.instance;
}

/**
 * Refuses a second executor manager of one name before anything has changed, while the first may still be there: a broken
 * connection alone says nothing, since the first comes back a second later and goes on with what it has.
 * @throws FlameError already_exists with both addresses.
 */
export function refuseForeign(
  state: CoreState,
  turn: FlameTurn,
  node: NodeEntry | undefined,
  caller: NodeCaller,
): void {
  if (node === undefined || !isForeign(node, caller)) return;
  const { record, heardAt } = node;
  if (record.instance !== undefined && caller.follows?.includes(record.instance)) return;
  const silentMs = turn.steady - heardAt;
  const { nodeSilenceMs } = state.options;
  if (record.state !== "Ready" && silentMs >= nodeSilenceMs) return;
  throw new FlameError(
    "already_exists",
    `node ${record.name} is served by another executor manager, at ${record.address ?? "an unknown address"}, heard ` +
      `${Math.floor(silentMs / 1000)} s ago; this one calls from ${caller.address ?? "an unknown address"}. One name is one ` +
      "node: give one of the two another name (flame-executor-manager --node-name, or FLAME_NODE_NAME; the default is the " +
      `host's name), or stop one. This one is taken when the other has stopped, or was silent for ${nodeSilenceMs / 1000} s`,
  );
}
