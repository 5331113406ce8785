import type { ExecutorEntry } from "../executors/executor-book.ts";
import type { NodeEntry } from "../executors/node-book.ts";
import type { Identity } from "../model/caller.ts";
import { FlameError } from "../model/errors.ts";
import type { CoreState } from "./state.ts";

/**
 * A node's name belongs to the identity that registered it (docs/protocol.md, "Identities of nodes"). Callers without one
 * come by listeners that ask for none.
 * @throws FlameError permission_denied
 */
export function refuseStranger(
  node: NodeEntry | undefined,
  identity: Identity | undefined,
  subject = `node ${node?.record.name ?? ""}`,
): void {
  if (node === undefined || identity === undefined || !isOfAnother(node, identity)) return;
  const { name, owner } = node.record;
  throw new FlameError(
    "permission_denied",
    `${subject} belongs to ${owner ?? ""}, which registered the node, and this call is of ${identity.id}: call as the owner, or give this ` +
      "node a name of its own (flame-executor-manager --node-name, or FLAME_NODE_NAME). The name is free when its executor " +
      `manager has stopped in order, or an operator has released it: flmctl release node ${name}`,
  );
}

/** As {@link refuseStranger}, for a registration: a name whose owner the listener would not let in any more is free. */
export function refuseTaker(node: NodeEntry | undefined, identity: Identity | undefined): void {
  const owner = node?.record.owner;
  if (owner === undefined || identity?.accepts(owner) !== false) refuseStranger(node, identity);
}

/** Whether the name goes from one identity to another one. */
export function isOfAnother(
  { record: { owner } }: NodeEntry,
  identity: Identity | undefined,
): boolean {
  return owner !== undefined && identity !== undefined && identity.id !== owner;
}

/** The executor of a call in its name; undefined when it is not known. @throws FlameError permission_denied */
export function calledExecutor(
  state: CoreState,
  id: string,
  identity: Identity | undefined,
): ExecutorEntry | undefined {
  const executor = state.executors.find(id);
  if (executor === undefined) return undefined;
  const { node } = executor.record;
  refuseStranger(state.nodes.find(node), identity, `executor ${id} of node ${node}`);
  return executor;
}
