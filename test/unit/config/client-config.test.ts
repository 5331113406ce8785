import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type ClientConfig, loadClientConfig } from "../../../src/config/client-config.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "flame-client-"));
  mkdirSync(join(home, ".flame"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const load = (env: Record<string, string> = {}, path?: string): ClientConfig =>
  loadClientConfig({ path, env: { HOME: home, ...env } });
const write = (text: string): void => writeFileSync(join(home, ".flame/flame.yaml"), text);

const FILE = `
current-context: two
contexts:
  - name: one
    cluster: { endpoint: "http://one:1" }
  - name: two
    cluster: { endpoint: "https://two", tls: { ca_file: ca.crt } }
    cache: { endpoint: "grpcs://two", storage: /shared }
    package: { storage: "file:///p", excludes: ["*.log"] }
    runner: { template: mine }
`;

describe("client configuration", () => {
  it("works with no file and no variable", () => {
    const config = load();
    expect(config.source).toBe("built-in defaults");
    expect(config.endpoint.url).toBe("http://127.0.0.1:8080");
    expect(config.cacheEndpoint.url).toBe("grpc://127.0.0.1:9090");
    const nothing = {
      caFile: undefined,
      rootsFile: undefined,
      certFile: undefined,
      keyFile: undefined,
      tokenFile: undefined,
    };
    expect([config.credentials, config.cacheCredentials, config.cacheStorage]).toEqual([
      nothing,
      nothing,
      undefined,
    ]);
  });

  it("uses the context that current-context names", () => {
    write(FILE);
    expect(load()).toMatchObject({
      source: join(home, ".flame/flame.yaml"),
      endpoint: { url: "https://two:8080", secure: true },
      credentials: { caFile: join(home, ".flame/ca.crt") },
      cacheEndpoint: { url: "grpcs://two:9090" },
      cacheCredentials: { caFile: undefined },
      cacheStorage: "/shared",
      taskStreams: true,
    });
  });

  it("uses streams of tasks unless FLAME_TASK_STREAMS is off", () => {
    const wanted = (value: string) => load({ FLAME_TASK_STREAMS: value }).taskStreams;
    expect(["", "on", "off"].map(wanted)).toEqual([true, true, false]);
    expect(() => wanted("0")).toThrow(/^FLAME_TASK_STREAMS: got "0", expected on or off/);
  });

  it("refuses an unknown key, with its place and the key that was probably meant", () => {
    write(
      "current-context: x\ncontexts:\n  - name: x\n    cluster:\n      endpiont: http://far:1\n",
    );
    expect(() => load()).toThrow(
      /flame\.yaml:5:7: contexts\[0\]\.cluster\.endpiont: got the unknown key "endpiont", .*did you mean "endpoint"\?$/,
    );
  });

  it("lets the environment come before the file, but FLAME_CA_FILE only fill in", () => {
    write(FILE);
    const config = load({
      FLAME_ENDPOINT: "http://env:80",
      FLAME_CACHE_ENDPOINT: "grpc://env",
      FLAME_CACHE_STORAGE: "/env",
      FLAME_CA_FILE: "/env.crt",
    });
    expect(config.endpoint.url).toBe("http://env:80");
    expect(config.cacheEndpoint.url).toBe("grpc://env:9090");
    expect(config.cacheStorage).toBe("/env");
    expect(config.credentials.caFile).toBe(join(home, ".flame/ca.crt"));
    expect(config.cacheCredentials.caFile).toBe("/env.crt");
  });

  it("takes certificate and token from the file, else from the environment", () => {
    const tls = "{ cert_file: me.crt, key_file: me.key }";
    write(
      `current-context: a\ncontexts: [{ name: a, cluster: { tls: ${tls}, token_file: token } }]\n`,
    );
    const env = {
      SSL_CERT_FILE: "/roots.pem",
      FLAME_CERT_FILE: "/env.crt",
      FLAME_KEY_FILE: "/env.key",
      FLAME_TOKEN_FILE: "/env.token",
    };
    const { credentials, cacheCredentials } = load(env);
    const at = (name: string): string => join(home, ".flame", name);
    expect(credentials).toEqual({
      caFile: undefined,
      rootsFile: "/roots.pem",
      certFile: at("me.crt"),
      keyFile: at("me.key"),
      tokenFile: at("token"),
    });
    expect(cacheCredentials).toEqual({
      caFile: undefined,
      rootsFile: "/roots.pem",
      certFile: "/env.crt",
      keyFile: "/env.key",
      tokenFile: at("token"),
    });
  });

  it("refuses a certificate without its key", () => {
    write("current-context: a\ncontexts: [{ name: a, cluster: { tls: { cert_file: me.crt } } }]\n");
    expect(() => load()).toThrow(/cluster\.tls.*key_file/);
  });

  it("names the file and place of a context that does not exist", () => {
    write("current-context: tow\ncontexts: [{ name: one }, { name: two }]\n");
    expect(() => load()).toThrow(
      /flame\.yaml:1:18: current-context: got "tow", expected one of one, two/,
    );
    write("contexts: []\n");
    expect(() => load()).toThrow("expected the key current-context");
  });

  it("names the place of a bad endpoint, or its variable", () => {
    write("current-context: a\ncontexts:\n  - name: a\n    cluster: { endpoint: nowhere }\n");
    expect(() => load()).toThrow(/:4:26: contexts\[0\]\.cluster\.endpoint: got "nowhere"/);
    expect(() => load({ FLAME_ENDPOINT: "nope" })).toThrow(
      'FLAME_ENDPOINT: invalid endpoint: got "nope"',
    );
  });

  it("needs the file that --config names", () => {
    expect(() => load({}, join(home, "x.yaml"))).toThrow(
      "x.yaml is not a file that can be read (ENOENT)",
    );
  });
});
