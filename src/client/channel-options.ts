import { existsSync, readFileSync } from "node:fs";
import {
  type ChannelCredentials,
  type ChannelOptions,
  type ClientOptions,
  credentials,
  InterceptingCall,
} from "@grpc/grpc-js";
import type { ClientCredentials } from "../config/client-credentials.ts";
import type { Endpoint } from "../config/endpoint.ts";
import { grpcProxy } from "../config/grpc-proxy.ts";
import { isPlainToken } from "../config/token-lines.ts";
import { FlameError } from "../model/errors.ts";

/**
 * The largest reply a client of ours takes, in bytes. Sent along as the metadata `flame-receive-max`, so
 * that the server need not leave out what would pass the 4 MiB that other clients take.
 */
export const receiveBytesMax = 128 * 1024 * 1024;

/** Metadata key for {@link receiveBytesMax} (docs/protocol.md, "Limits"). */
export const receiveMaxKey = "flame-receive-max";

/** How the channels of this SDK behave. */
const channelOptions: ChannelOptions = {
  "grpc.max_receive_message_length": receiveBytesMax,
  // Whether an input is too large is the server's to say; it names the limit and the way around it.
  "grpc.max_send_message_length": -1,
  // A host that vanishes without a word would leave watches waiting forever.
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
 * {@link channelOptions} towards an endpoint, directly or through the environment's proxy, and the token of `tokenFile`
 * as `authorization: Bearer` with every call.
 * @throws FlameError invalid_config when `tokenFile` cannot be read or is empty.
 */
export function clientOptions({ host }: Endpoint, files: ClientCredentials): ClientOptions {
  const { tokenFile } = files;
  const viaProxy = grpcProxy(host) !== undefined;
  const options = { ...channelOptions, "grpc.enable_http_proxy": viaProxy ? 1 : 0 };
  if (tokenFile === undefined) return options;
  const authorization = `Bearer ${readToken(tokenFile, files)}`;
  return {
    ...options,
    interceptors: [
      (options, nextCall) =>
        new InterceptingCall(nextCall(options), {
          start: (metadata, listener, next) => {
            metadata.set("authorization", authorization);
            next(metadata, listener);
          },
        }),
    ],
  };
}

/**
 * Reads the files now, for a daemon that later starts programs of others: those could remove or replace what they may write.
 * @throws FlameError invalid_config naming the one that cannot be read
 */
export function readNow(files: ClientCredentials): ClientCredentials {
  const named = {
    "the CA file": files.caFile,
    "the client certificate": files.certFile,
    "the key of the client certificate": files.keyFile,
    "the token file": files.tokenFile,
  };
  const contents = new Map<string, Buffer>();
  for (const [what, file] of Object.entries(named))
    if (file !== undefined) contents.set(file, read(file, what, files));
  return { ...files, contents };
}

function readToken(file: string, files: ClientCredentials): string {
  const lines = read(file, "the token file", files)
    .toString("utf8")
    .split("\n")
    .map((line) => line.trim());
  // Lines with the hashes of tokens stand beside them where the file is that of a server.
  const token = lines.find(isPlainToken) ?? lines.find((line) => !isComment(line));
  if (token !== undefined && /^[!-~]+$/.test(token)) return token;
  throw new FlameError("invalid_config", `the token file ${file} has ${lackOf(token)}`);
}

const isComment = (line: string): boolean => line === "" || line.startsWith("#");

function lackOf(line: string | undefined): string {
  if (line !== undefined && /\ssha256:/.test(line))
    return "only hashes of tokens, which cannot be sent: name a file with the token itself (for daemons and services of the cluster cluster.security.daemon_token_file and service_token_file)";
  return `${line === undefined ? "no token" : "a token with other characters than ASCII without blanks"}: expected the token that the cluster accepts, on a line of its own`;
}

function read(file: string, what: string, { contents }: ClientCredentials): Buffer {
  try {
    return contents?.get(file) ?? readFileSync(file);
  } catch (cause) {
    throw new FlameError(
      "invalid_config",
      `${what} cannot be used: ${file}: ${FlameError.from(cause).message}`,
      { cause },
    );
  }
}

/**
 * Plaintext for http; for https TLS against `caFile`, or against the system's roots without one.
 * With `certFile` and `keyFile` the client shows its own certificate.
 * @throws FlameError invalid_config when one of the files cannot be read or used.
 */
export function channelCredentials(
  endpoint: Endpoint,
  files: ClientCredentials,
): ChannelCredentials {
  const { caFile, rootsFile, certFile, keyFile } = files;
  if (!endpoint.secure) return credentials.createInsecure();
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new FlameError(
      "invalid_config",
      `a client certificate needs its key: ${certFile ?? keyFile ?? ""} is named alone; name both, cert_file and key_file (FLAME_CERT_FILE, FLAME_KEY_FILE)`,
    );
  }
  const rootFile = caFile ?? rootsFile ?? systemRootFiles.find((file) => existsSync(file));
  const roots =
    rootFile === undefined ? null : read(rootFile, `the CA file of ${endpoint.url}`, files);
  if (certFile === undefined || keyFile === undefined) return credentials.createSsl(roots);
  const key = read(keyFile, "the key of the client certificate", files);
  const certificate = read(certFile, "the client certificate", files);
  try {
    return credentials.createSsl(roots, key, certificate);
  } catch (cause) {
    throw new FlameError(
      "invalid_config",
      `the client certificate ${certFile} with the key ${keyFile} cannot be used: ${FlameError.from(cause).message}`,
      { cause },
    );
  }
}
