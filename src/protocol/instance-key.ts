import type { Metadata } from "@grpc/grpc-js";
import type { NodeCaller } from "../model/node.ts";
import { readPrintable } from "./request-id.ts";

/**
 * Metadata of RegisterNode, WatchNode, SyncNode and ReleaseNode by which an executor manager says which start of it is
 * calling: random, made anew by each start (docs/protocol.md, "Two nodes of one name").
 */
export const instanceKey = "flame-instance";

/** Metadata of RegisterNode, between commas: instances before this one, of which the executor manager knows that they ended. */
export const followsKey = "flame-follows";

/** As many of them as are read, and as an executor manager remembers. */
export const followsMax = 16;

/** Which start of an executor manager calls, and which ones it follows. */
export function nodeInstanceOf(metadata: Metadata): Pick<NodeCaller, "instance" | "follows"> {
  const instance = readPrintable(metadata.get(instanceKey));
  const follows = metadata
    .get(followsKey)
    .flatMap((text) => String(text).split(","))
    .slice(0, followsMax)
    .flatMap((id) => readPrintable([id.trim()]) ?? []);
  return {
    ...(instance !== undefined && { instance }),
    ...(follows.length > 0 && { follows }),
  };
}
