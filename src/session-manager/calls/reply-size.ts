import type { Metadata } from "@grpc/grpc-js";
import { messageBytesDefault } from "../../model/limits.ts";

/** Room for everything in a message that is not a payload. */
const envelopeBytes = 64 * 1024;

/** The largest reply of many sessions or tasks together, whatever a client says it can receive. */
const receiveBytesMax = 64 * 1024 * 1024;

/** Metadata by which a client says how many bytes it can receive (docs/protocol.md, "Limits"). */
export const receiveMaxKey = "flame-receive-max";

/**
 * Bytes of payload that a reply to this caller may carry: published clients refuse messages above 4 MiB, so what can be
 * fetched singly is left out before that.
 */
export function replyRoom(metadata: Metadata): number {
  const declared = Number(metadata.get(receiveMaxKey)[0] ?? messageBytesDefault);
  const limit = Number.isSafeInteger(declared) && declared > 0 ? declared : messageBytesDefault;
  const room = Math.min(Math.max(limit, messageBytesDefault), receiveBytesMax);
  return room - envelopeBytes;
}
