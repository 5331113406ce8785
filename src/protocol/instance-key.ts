import type { Metadata } from "@grpc/grpc-js";
import type { NodeCaller } from "../model/node.ts";
import { readPrintable } from "./request-id.ts";

/**
 * Metadata of RegisterNode, WatchNode, SyncNode and ReleaseNode by which an executor manager says which start of it is
 * calling: random, made anew by each start (docs/protocol.md, "Two nodes of one name").
 */
export const instanceKey = "flame-instance";

/** Metadata of RegisterNode: the instance before this one, of which the executor manager knows that it has ended. */
export const followsKey = "flame-follows";

/** Who calls in the name of a node. @param address `host:port` of its connection */
export function nodeCallerOf(metadata: Metadata, address: string): NodeCaller {
  const instance = readPrintable(metadata.get(instanceKey));
  const follows = readPrintable(metadata.get(followsKey));
  return {
    address,
    ...(instance !== undefined && { instance }),
    ...(follows !== undefined && { follows }),
  };
}
