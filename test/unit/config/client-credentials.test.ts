import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { clientOptions, readNow } from "../../../src/client/channel-options.ts";
import { handedOnCredentials } from "../../../src/config/client-credentials.ts";
import type { ClusterConfig } from "../../../src/config/cluster-config.ts";
import { parseEndpoint } from "../../../src/config/endpoint.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { looseNodeSecrets } from "../../../src/security/node-secrets.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: ReturnType<typeof temporaryFolder>;
const file = (name: string): string => join(folder.path, name);

beforeEach(() => {
  folder = temporaryFolder("credentials");
  for (const name of ["clients", "nodes"])
    writeFileSync(file(name), `${name}-token-0123456789\n`, { mode: 0o600 });
});
afterEach(() => folder.remove());

function configOf(clients: string, nodes: string, nodeTokenFile = "nodes"): ClusterConfig {
  const tls = { cert_file: "d.crt", key_file: "d.key", ca_file: "ca.crt" };
  const config = {
    cluster: {
      endpoint: "https://127.0.0.1:8080",
      tls,
      security: { clients, nodes, token_file: "clients", node_token_file: nodeTokenFile },
    },
    cache: { endpoint: "grpcs://127.0.0.1:9090", tls },
  };
  writeFileSync(file("cluster.yaml"), JSON.stringify(config));
  return loadClusterConfig({ path: file("cluster.yaml"), env: { HOME: folder.path } });
}

describe("what services show as clients", () => {
  it.each([
    ["token", "token", { tokenFile: "clients" }],
    ["token", "mtls", { tokenFile: "clients" }],
    ["mtls", "token", { certFile: "d.crt", keyFile: "d.key" }],
    ["mtls", "mtls", {}],
    ["open", "token", {}],
  ])("with clients: %s and nodes: %s is nothing that shows a node", (clients, nodes, shown) => {
    const files = Object.entries(shown).map(([name, path]) => [name, file(path)]);
    expect(handedOnCredentials(configOf(clients, nodes))).toEqual({
      caFile: file("ca.crt"),
      ...Object.fromEntries(files),
    });
  });

  it("is no token where clients and nodes have one file, of which the configuration warns", () => {
    const config = configOf("token", "token", "clients");
    expect(handedOnCredentials(config)).toEqual({ caFile: file("ca.crt") });
    expect(config.warnings).toEqual([
      expect.stringMatching(/^cluster\.security\.token_file and node_token_file are both clients:/),
    ]);
    expect(configOf("token", "token").warnings).toEqual([]);
  });
});

describe("files that show that a daemon is a node", () => {
  it("that others may read are warned of, those that everybody may write are refused", () => {
    const config = configOf("open", "token");
    expect(looseNodeSecrets(config)).toEqual([]);
    chmodSync(file("nodes"), 0o644);
    expect(looseNodeSecrets(config)).toEqual([
      expect.stringContaining(
        "cluster.security.node_token_file: every user of this machine may read",
      ),
    ]);
    chmodSync(file("nodes"), 0o646);
    expect(() => looseNodeSecrets(config)).toThrow(/may write the file .*nodes/);
  });
});

describe("credentials that were read", () => {
  const endpoint = parseEndpoint("http://127.0.0.1:1", ["http"], 1);

  it("do not change with their files", () => {
    const files = readNow({ tokenFile: file("clients") });
    rmSync(file("clients"));
    expect(clientOptions(endpoint, files).interceptors).toHaveLength(1);
    expect(() => clientOptions(endpoint, { tokenFile: file("clients") })).toThrow("ENOENT");
  });

  it("refuse a file that cannot be read, by its name", () => {
    expect(() => readNow({ keyFile: file("none.key") })).toThrow(
      /^the key of the client certificate cannot be used: .*none\.key/,
    );
  });
});
