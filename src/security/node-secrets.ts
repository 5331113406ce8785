import { nodeCredentials } from "../config/client-credentials.ts";
import type { ClusterConfig } from "../config/cluster-config.ts";
import { looseFile } from "./loose-file.ts";

/**
 * Looks who else may use the files by which an executor manager shows that it is a node.
 * @returns what to warn of
 * @throws FlameError invalid_config when everybody may write one
 */
export function looseNodeSecrets(config: ClusterConfig): readonly string[] {
  const { keyFile, tokenFile } = nodeCredentials(config);
  const key =
    keyFile === undefined ? undefined : looseFile(keyFile, "the key", "cluster.tls.key_file");
  const token =
    tokenFile === undefined
      ? undefined
      : looseFile(tokenFile, "the token", "cluster.security.node_token_file");
  return [key, token].filter((warning) => warning !== undefined);
}
