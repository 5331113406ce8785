import type { ClusterConfig } from "../../config/cluster-config.ts";

/** Where clients look without being told. */
const usual = { cluster: "http://127.0.0.1:8080", cache: "grpc://127.0.0.1:9090" };

/**
 * What clients on this machine have to be told to reach the cluster, as variables of their environment; nothing for
 * one where they look anyway. With `mtls` each client has a certificate of its own, so that only the variables are named.
 */
export function clientSettings({ cluster, cache }: ClusterConfig): readonly string[] {
  const caFile = cluster.tls?.caFile ?? cache.tls?.caFile;
  const { clients, tokenFile } = cluster.security;
  const settings = {
    FLAME_ENDPOINT: cluster.endpoint.url === usual.cluster ? undefined : cluster.endpoint.url,
    FLAME_CACHE_ENDPOINT: cache.endpoint.url === usual.cache ? undefined : cache.endpoint.url,
    FLAME_CA_FILE: caFile,
    FLAME_TOKEN_FILE: clients === "token" ? tokenFile : undefined,
    FLAME_CERT_FILE: clients === "mtls" ? "FILE" : undefined,
    FLAME_KEY_FILE: clients === "mtls" ? "FILE" : undefined,
  };
  return Object.entries(settings).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
}
