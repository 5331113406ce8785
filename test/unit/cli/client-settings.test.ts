import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { clientSettings } from "../../../src/cli/flame/client-settings.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "client-settings-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function settings(config: object): readonly string[] {
  const path = join(folder, "flame-cluster.yaml");
  writeFileSync(path, JSON.stringify(config));
  return clientSettings(loadClusterConfig({ path, env: { FLAME_HOME: folder } }));
}

const tls = { cert_file: "server.crt", key_file: "server.key", ca_file: "ca.crt" };
const secured = { endpoint: "https://127.0.0.1:8443", tls };
const cache = { endpoint: "grpcs://127.0.0.1:9443", tls };

describe("what flame up tells clients", () => {
  it("is nothing where they look anyway", () => {
    expect(settings({})).toEqual([]);
  });

  it("is each address that is not the usual one", () => {
    expect(settings({ cluster: { endpoint: "http://127.0.0.1:18080" } })).toEqual([
      "FLAME_ENDPOINT=http://127.0.0.1:18080",
    ]);
    expect(settings({ cache: { endpoint: "grpc://127.0.0.1:19090" } })).toEqual([
      "FLAME_CACHE_ENDPOINT=grpc://127.0.0.1:19090",
    ]);
  });

  it("is the authority and the token, absolute, with TLS and token", () => {
    const security = {
      clients: "token",
      nodes: "token",
      token_file: "clients.token",
      node_token_file: "nodes.token",
    };
    expect(settings({ cluster: { ...secured, security }, cache })).toEqual([
      "FLAME_ENDPOINT=https://127.0.0.1:8443",
      "FLAME_CACHE_ENDPOINT=grpcs://127.0.0.1:9443",
      `FLAME_CA_FILE=${join(folder, "ca.crt")}`,
      `FLAME_TOKEN_FILE=${join(folder, "clients.token")}`,
    ]);
  });

  it("names the variables of a certificate with mtls, never that of the daemons", () => {
    const security = { clients: "mtls", nodes: "mtls" };
    const told = settings({ cluster: { ...secured, security }, cache });
    expect(told.slice(-2)).toEqual(["FLAME_CERT_FILE=FILE", "FLAME_KEY_FILE=FILE"]);
    expect(told.join()).not.toContain("server.");
  });
});
