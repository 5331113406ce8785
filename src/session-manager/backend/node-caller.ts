import type { Metadata } from "@grpc/grpc-js";
import type { NodeCaller } from "../../model/node.ts";
import { nodeInstanceOf } from "../../protocol/instance-key.ts";
import { identityOf } from "../../security/authentication.ts";

/** Who calls in the name of a node. */
export function nodeCallerOf(call: { readonly metadata: Metadata; getPeer(): string }): NodeCaller {
  const identity = identityOf(call);
  return {
    ...nodeInstanceOf(call.metadata),
    address: call.getPeer(),
    ...(identity !== undefined && { identity }),
  };
}
