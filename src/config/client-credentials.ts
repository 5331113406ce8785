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

/** How the daemons and the services reach Frontend and object cache. */
export function serviceCredentials({ cluster, cache }: ClusterConfig): ClientCredentials {
  const { security, tls } = cluster;
  return {
    caFile: tls?.caFile ?? cache.tls?.caFile,
    ...(security.clients === "mtls" && { certFile: tls?.certFile, keyFile: tls?.keyFile }),
    ...(security.clients === "token" && { tokenFile: security.tokenFile }),
  };
}

/** How the daemons reach the object cache. */
export function cacheCredentials(config: ClusterConfig): ClientCredentials {
  const shared = serviceCredentials(config);
  return { ...shared, caFile: config.cache.tls?.caFile ?? shared.caFile };
}
