import type { Metadata } from "@grpc/grpc-js";
import { readPrintable } from "./request-id.ts";

/** Metadata by which a client of our SDKs says which one it is: random, made anew by each connection object. */
export const clientIdKey = "flame-client";

/** Metadata of CreateSession and OpenSession, whatever its value: the session is not to end with its client. */
export const keepSessionKey = "flame-session-keep";

/** Who the client is, if it says so. */
export function clientIdOf(metadata: Metadata): string | undefined {
  return readPrintable(metadata.get(clientIdKey));
}

/** The client that a session of this call ends with; undefined: it ends with none (docs/protocol.md, "Unused sessions"). */
export function endsWithClient(metadata: Metadata): string | undefined {
  return metadata.get(keepSessionKey).length > 0 ? undefined : clientIdOf(metadata);
}
