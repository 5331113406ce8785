import { existsSync, readFileSync } from "node:fs";
import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";
import type { Endpoint } from "../config/endpoint.ts";
import { FlameError } from "../model/errors.ts";

/**
 * The largest reply a client of ours takes, in bytes. Sent along as the metadata `flame-receive-max`, so
 * that the server need not leave out what would pass the 4 MiB that other clients take.
 */
export const receiveBytesMax = 128 * 1024 * 1024;

/** Metadata key for {@link receiveBytesMax} (docs/protocol.md, "Limits"). */
export const receiveMaxKey = "flame-receive-max";

/** How the channels of this SDK behave. */
export const channelOptions: ChannelOptions = {
  "grpc.max_receive_message_length": receiveBytesMax,
  // Whether an input is too large is the server's to say; it names the limit and the way around it.
  "grpc.max_send_message_length": -1,
  // A host that vanishes without a word would leave watches waiting for ever.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 20_000,
  // A restarted manager is back within a second or two; the library's own pace (1 s to 2 min) is for outages.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.min_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // Otherwise two clients of one process share a connection, and closing one says nothing about the other.
  "grpc.use_local_subchannel_pool": 1,
};

/** Where operating systems keep their trust roots: Debian, Red Hat, Alpine and macOS. */
const systemRootFiles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/**
 * Plaintext for http; for https TLS against `caFile`, or against the system's roots without one.
 * @throws FlameError invalid_config when `caFile` cannot be read.
 */
export function channelCredentials(endpoint: Endpoint, caFile?: string): ChannelCredentials {
  if (!endpoint.secure) return credentials.createInsecure();
  const rootFile = caFile ?? systemRootFiles.find((file) => existsSync(file));
  if (rootFile === undefined) return credentials.createSsl();
  try {
    return credentials.createSsl(readFileSync(rootFile));
  } catch (cause) {
    throw new FlameError(
      "invalid_config",
      `the CA file of ${endpoint.url} cannot be used: ${rootFile}: ${FlameError.from(cause).message}`,
      { cause },
    );
  }
}
