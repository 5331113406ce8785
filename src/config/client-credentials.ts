import type { ClusterConfig } from "./cluster-config.ts";

/** Whom a client trusts, and how it shows who it is. Paths of files. */
export interface ClientCredentials {
  /** PEM file of the authorities to trust with TLS. @default the system's roots */
  readonly caFile?: string | undefined;
  /** PEM file that stands in for the system's roots. */
  readonly rootsFile?: string | undefined;
  /** PEM file of the client's own certificate, for a server that asks for one (mtls). */
  readonly certFile?: string | undefined;
  /** PEM file of the key of `certFile`. */
  readonly keyFile?: string | undefined;
  /** File whose first line is the token to send, for a server that asks for one. */
  readonly tokenFile?: string | undefined;
  /** By path, files as they were read before: what they hold later does not count. */
  readonly contents?: ReadonlyMap<string, Buffer>;
}

/** How the daemons, as nodes, reach the Backend. */
export function nodeCredentials({ cluster }: ClusterConfig): ClientCredentials {
  const { security, tls } = cluster;
  return {
    caFile: tls?.caFile,
    ...(security.nodes === "mtls" && { certFile: tls?.certFile, keyFile: tls?.keyFile }),
    ...(security.nodes === "token" && { tokenFile: security.nodeTokenFile }),
  };
}

/** How services reach Frontend and object cache. */
export function serviceCredentials(config: ClusterConfig): ClientCredentials {
  const { tokenFile, serviceTokenFile = tokenFile } = config.cluster.security;
  return clientCredentials(config, serviceTokenFile);
}

function clientCredentials(
  { cluster, cache }: ClusterConfig,
  tokenFile: string | undefined,
): ClientCredentials {
  const { security, tls } = cluster;
  return {
    caFile: tls?.caFile ?? cache.tls?.caFile,
    ...(security.clients === "mtls" && { certFile: tls?.certFile, keyFile: tls?.keyFile }),
    ...(security.clients === "token" && { tokenFile }),
  };
}

/**
 * What services show as clients: the files of {@link serviceCredentials}, but for one that shows that a daemon is a node.
 * Whoever has that can speak for the node.
 */
export function handedOnCredentials(config: ClusterConfig): ClientCredentials {
  const { caFile, certFile, keyFile, tokenFile } = serviceCredentials(config);
  const own = nodeCredentials(config);
  return {
    caFile,
    ...(keyFile !== own.keyFile && { certFile, keyFile }),
    ...(tokenFile !== own.tokenFile && { tokenFile }),
  };
}

/** How the daemons reach the object cache. */
export function cacheCredentials(config: ClusterConfig): ClientCredentials {
  const { tokenFile, daemonTokenFile = tokenFile } = config.cluster.security;
  const shared = clientCredentials(config, daemonTokenFile);
  return { ...shared, caFile: config.cache.tls?.caFile ?? shared.caFile };
}
