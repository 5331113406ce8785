import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type ClusterConfig } from "../../../src/config/cluster-config.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { FlameError } from "../../../src/model/errors.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flame-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const env = (more: Record<string, string> = {}): Record<string, string> => ({
  HOME: join(folder, "user"),
  FLAME_HOME: join(folder, "home"),
  ...more,
});

function load(text: string, more: Record<string, string> = {}): ClusterConfig {
  const path = join(folder, "flame-cluster.yaml");
  writeFileSync(path, text);
  return loadClusterConfig({ path, env: env(more) });
}

function refusal(text: string, more: Record<string, string> = {}): string {
  try {
    load(text, more);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(FlameError);
    expect(FlameError.from(thrown).code).toBe("invalid_config");
    return FlameError.from(thrown).message;
  }
  throw new Error("the configuration was accepted");
}

describe("cluster configuration", () => {
  it("is complete with no file at all", () => {
    const config = loadClusterConfig({ env: env() });
    expect(config).toEqual({
      source: "built-in defaults",
      warnings: [],
      cluster: {
        name: "flame",
        endpoint: {
          scheme: "http",
          host: "127.0.0.1",
          port: 8080,
          url: "http://127.0.0.1:8080",
          secure: false,
        },
        listenHost: "127.0.0.1",
        resreq: undefined,
        policies: ["priority", "drf"],
        storage: { kind: "sqlite", file: join(folder, "home/data/flame.db") },
        scheduleIntervalMs: 100,
        limits: {
          maxSessions: 100_000,
          maxOpenSessions: 10_000,
          maxOpenTasks: 500_000,
          finishedTasksKept: 1_000_000,
          maxWatchers: 100_000,
          maxCalls: 16_384,
          maxRequestBytes: 256 * 1024 ** 2,
          maxReplyBytes: 128 * 1024 ** 2,
          maxApplications: 20_000,
          maxStorageBytes: Number.POSITIVE_INFINITY,
        },
        closedSessionRetentionMs: 604_800_000,
        absentClientMs: 600_000,
        idleSessionMs: 86_400_000,
        maxExecutorsPerNode: 128,
        bindRetryLimit: 5,
        plugins: [],
        tls: undefined,
        security: {
          clients: "same-user",
          nodes: "same-user",
          users: [],
          tokenFile: undefined,
          nodeTokenFile: undefined,
          quotas: [],
        },
        audit: { enabled: true, fileBytesMax: 16 * 1024 * 1024, filesMax: 10 },
      },
      executors: { shim: "host", environment: {}, drainMs: 30_000, warmMax: 4 },
      cache: {
        endpoint: {
          scheme: "grpc",
          host: "127.0.0.1",
          port: 9090,
          url: "grpc://127.0.0.1:9090",
          secure: false,
        },
        listenHost: "127.0.0.1",
        storage: { kind: "disk", dir: join(folder, "home/data/objects") },
        policy: "lru",
        maxMemoryBytes: 1024 ** 3,
        maxObjects: Number.POSITIVE_INFINITY,
        maxDiskBytes: 64 * 1024 ** 3,
        maxTransferBytes: 1024 ** 3,
        orphanRetentionMs: 604_800_000,
        retentionMs: 600_000,
        tls: undefined,
      },
      core: { payloadCacheBytes: 32 * 1024 ** 2 },
      packages: { allowedSchemes: [], maxDiskBytes: 16 * 1024 ** 3 },
      metrics: {
        enabled: true,
        listenHost: "127.0.0.1",
        sessionManagerPort: 0,
        executorManagerPort: 0,
        objectCachePort: 0,
      },
    });
    expect(Object.isFrozen(config.cluster.policies)).toBe(true);
  });

  it("takes FLAME_HOME's file before the user's, and the one of --config before both", () => {
    const inHome = join(folder, "home/conf");
    const inUser = join(folder, "user/.flame");
    for (const place of [inHome, inUser]) mkdirSync(place, { recursive: true });
    writeFileSync(join(inUser, "flame-cluster.yaml"), "cluster: { name: user }\n");
    expect(loadClusterConfig({ env: env() }).source).toBe(join(inUser, "flame-cluster.yaml"));
    writeFileSync(join(inHome, "flame-cluster.yaml"), "cluster: { name: home }\n");
    expect(loadClusterConfig({ env: env() }).cluster.name).toBe("home");
    expect(load("cluster: { name: mine }\n").cluster.name).toBe("mine");
  });

  it("reads a published sample, with its explicit choice of who may call", () => {
    const config = load(`
cluster:
  name: flame
  endpoint: "https://flame-session-manager:8080"
  resreq: "cpu=1,mem=2g"
  policies: [priority]
  storage: none
  schedule_interval: 100
  executors: { shim: Host, limits: { max_executors: 10 } }
  limits: { max_sessions: 1000 }
  tls: { cert_file: /etc/flame/certs/server.crt, key_file: server.key, ca_file: /etc/flame/certs/ca.crt }
  security: { clients: open, nodes: open }
cache:
  endpoint: "grpcs://flame-object-cache:9090"
  network_interface: eth0
  storage: fs:///var/lib/flame/cache
  eviction: { policy: LRU, max_memory: 512M, max_objects: 10000 }
`);
    expect(config.warnings).toEqual([]);
    expect(config.cluster).toMatchObject({
      listenHost: "flame-session-manager",
      resreq: { cpu: 1, memory: 2 * 1024 ** 3, gpu: 0 },
      storage: { kind: "memory" },
      limits: { maxSessions: 1000 },
      tls: { certFile: "/etc/flame/certs/server.crt", keyFile: join(folder, "server.key") },
    });
    expect(config.cache).toMatchObject({
      storage: { kind: "disk", dir: "/var/lib/flame/cache" },
      maxMemoryBytes: 512 * 1024 ** 2,
      maxObjects: 10_000,
    });
  });

  it("keeps a written port that is the scheme's own default", () => {
    expect(load("cluster: { endpoint: 'http://127.0.0.1:80' }").cluster.endpoint.port).toBe(80);
    expect(load("cluster: { endpoint: 'http://[::1]' }").cluster.endpoint.url).toBe(
      "http://[::1]:8080",
    );
  });

  it("refuses unknown keys, each with its place and the key that was probably meant", () => {
    const text = refusal("cluster:\n  polices: [priority]\ncache:\n  retentoin: 1m\n");
    expect(text).toContain(
      `flame-cluster.yaml:2:3: cluster.polices: got the unknown key "polices", expected one of name,`,
    );
    expect(text).toContain(`did you mean "policies"?`);
    expect(text).toMatch(/:4:3: cache\.retentoin: .*did you mean "retention"\?$/);
  });

  it("accepts the keys of published files that mean nothing here", () => {
    const config = load(
      "cluster: { executors: { limits: { max_executors: 4 } }, pprof: { port: 6060 } }\n" +
        "cache: { network_interface: eth0, pprof: { port: 6061 } }\n",
    );
    expect(config.cluster.maxExecutorsPerNode).toBe(128);
    expect(config.warnings).toEqual([]);
  });

  it("lets the schemes that are always accepted be listed too", () => {
    const { packages } = load("packages: { allowed_schemes: [file, http] }");
    expect(packages.allowedSchemes).toEqual(["file", "http"]);
  });

  it("knows the policies priority and drf, refuses gang by name and no policy at all", () => {
    const { policies } = load("cluster:\n  policies: [drf]\n").cluster;
    expect(policies).toEqual(["drf"]);
    const text = refusal("cluster:\n  policies: [priority, gang]\n");
    expect(text).toContain("flame-cluster.yaml:2:24: cluster.policies[1]");
    expect(text).toContain(
      `got "gang", expected one of priority, drf; the policy gang is not part`,
    );
    expect(refusal("cluster: { policies: [] }")).toContain("at least 1 entries");
  });

  it("names every wrong value at once, with file, line, column, got and expected", () => {
    const text = refusal(
      "cluster:\n  name: 7\n  schedule_interval: soon\n  limits:\n    max_sessions: 0\n",
    );
    expect(text).toContain(`:2:9: cluster.name: got 7, expected a text; write it in quotes: "7"`);
    expect(text).toContain(
      `:3:22: cluster.schedule_interval: got "soon", expected milliseconds, or a duration`,
    );
    expect(text).toContain(":5:19: cluster.limits.max_sessions: got 0, expected 1 to 4294967295");
  });

  it.each([
    [
      "cluster: { endpoint: '127.0.0.1:8080' }",
      "cluster.endpoint",
      "http://HOST:PORT or https://HOST:PORT",
    ],
    ["cluster: { endpoint: 'http://127.0.0.1:65535' }", "cluster.endpoint", "at most 65534"],
    ["cluster: { endpoint: 'http://127.0.0.1:0' }", "cluster.endpoint", "http://HOST:PORT"],
    ["cluster: { endpoint: 'ftp://127.0.0.1' }", "cluster.endpoint", "http://HOST:PORT"],
    ["cluster: { resreq: 'cpu=x' }", "cluster.resreq", "cpu=N,mem=SIZE,gpu=N"],
    ["cluster: { storage: 'mysql://x' }", "cluster.storage", "sqlite://FILE, fs://DIR or none"],
    [
      "cluster: { tls: { cert_file: a.pem } }",
      "cluster.tls.key_file",
      "the key cluster.tls.key_file",
    ],
    [
      "cluster: { schedule_interval: 0 }",
      "cluster.schedule_interval",
      "1 to 2147483647 milliseconds",
    ],
    [
      "cluster: { limits: { finished_tasks_kept: 0 } }",
      "cluster.limits.finished_tasks_kept",
      "1 to 4294967295",
    ],
    ["cluster: { audit: { max_file_bytes: 63K } }", "cluster.audit.max_file_bytes", "64K or more"],
    ["cluster: { audit: { max_files: 0 } }", "cluster.audit.max_files", "1 to 1000"],
    ["cache: { retention: 9999999h }", "cache.retention", "0 to 2147483647 milliseconds"],
    ["cache: { eviction: { max_memory: lots } }", "cache.eviction.max_memory", "a size such as"],
    ["cache: { endpoint: 'tcp://x:1' }", "cache.endpoint", "grpc://HOST:PORT"],
    ["cache: { storage: 's3://bucket' }", "cache.storage", "a folder or none"],
    ["metrics: { listen: 0.0.0.0 }", "metrics.listen", "a loopback address"],
    ["metrics: { object_cache_port: 70000 }", "metrics.object_cache_port", "65535"],
    ["packages: { allowed_schemes: [ftp] }", "packages.allowed_schemes[0]", "one of http, https"],
    [
      "cluster: { security: { users: [ok, 1000, '@team', 'not a name'] } }",
      "cluster.security.users[3]",
      "a user's name, a uid, or @ and a group's name",
    ],
    [
      "cluster: { security: { clients: password } }",
      "cluster.security.clients",
      "one of same-user, open, token, mtls",
    ],
    ["cluster: { security: { clients: token } }", "cluster.security", "token_file"],
    ["cluster: { security: { nodes: token } }", "cluster.security", "node_token_file"],
    ["cluster: { security: { nodes: mtls } }", "cluster.tls", "cluster.security says mtls"],
    [
      "cluster: { security: { clients: mtls }, tls: { cert_file: a, key_file: b, ca_file: c } }",
      "cache.tls",
      "cluster.security says mtls",
    ],
    [
      "{ cluster: { security: { clients: mtls }, tls: &t { cert_file: a, key_file: b, ca_file: c } }, cache: { tls: *t } }",
      "cache.endpoint",
      "grpcs://HOST:PORT",
    ],
    [
      "cluster: { executors: { environment: { 'A-B': x } } }",
      "cluster.executors.environment",
      "pattern",
    ],
    ["cluster: { plugins: [{ enabled: false }] }", "cluster.plugins[0]", "a plugin's name"],
    ["- a\n- b\n", "got a list of 2", "expected a mapping"],
    ["cluster: [", "flame-cluster.yaml:1:10:", "got [ that is never closed"],
    ["cluster: {}\n---\ncluster: {}\n", "another document", "at most 1 documents"],
  ])("refuses %s", (text, where, expected) => {
    const message = refusal(text);
    expect(message).toContain(where);
    expect(message).toContain(expected);
  });

  it("warns of quotas where callers are not told apart", () => {
    const loaded = (clients: string) =>
      load(
        `{ cluster: { security: { clients: ${clients}, token_file: t, quotas: [{ names: ["*"], max_open_bytes: 2G }] } } }`,
      );
    expect(loaded("token").cluster.security.quotas).toEqual([
      { names: ["*"], maxOpenBytes: 2 * 1024 ** 3 },
    ]);
    expect(loaded("token").warnings).toEqual([]);
    expect(loaded("open").warnings).toEqual([
      expect.stringContaining("cluster.security.quotas counts for nobody while"),
    ]);
  });

  it("warns of tokens that can be read on the way: beyond this machine, without TLS", () => {
    const warned = (host: string, rest: string): string[] => {
      const security = "security: { clients: token, nodes: open, token_file: t }";
      const listen = `endpoint: "http://${host}:8080", ${security}${rest}`;
      const config = load(`{ cluster: { ${listen} }, cache: { endpoint: "grpc://${host}:9090" } }`);
      return config.warnings.filter((text) => text.includes("tokens can be read on the way"));
    };
    expect(warned("127.0.0.1", "")).toEqual([]);
    expect(warned("10.0.0.1", "")).toEqual([
      expect.stringContaining("cluster listens on 10.0.0.1 without TLS"),
      expect.stringContaining("cache listens on 10.0.0.1 without TLS"),
    ]);
    const tls = ", tls: { cert_file: a, key_file: b }";
    expect(warned("10.0.0.1", tls)).toEqual([expect.stringContaining("cache listens on")]);
  });

  it("tells faults of endpoint, storage and interval at once", () => {
    const message = refusal(
      "cluster: { endpoint: nowhere, storage: 'redis://x', schedule_interval: 0 }",
    );
    expect(message.match(/expected/g)).toHaveLength(3);
    for (const at of ["cluster.endpoint", "cluster.storage", "cluster.schedule_interval"])
      expect(message).toContain(`${at}: got`);
  });

  it("takes users of this machine by name, by uid and by group", () => {
    const { security } = load("cluster: { security: { users: [ok, 1000, '@team'] } }").cluster;
    expect(security).toMatchObject({ clients: "same-user", users: ["ok", 1000, "@team"] });
  });

  it("refuses to listen beyond this machine without an explicit choice, and names the key", () => {
    const text = refusal(
      "cluster: { endpoint: 'http://0.0.0.0:8080', security: { clients: open } }",
    );
    expect(text).toContain("set cluster.security.nodes");
    expect(refusal("cluster:\n  listen: 10.0.0.5\n")).toContain(":2:11: cluster.listen");
    expect(refusal("cache: { endpoint: 'grpc://10.0.0.5' }")).toContain(
      "set cluster.security.clients",
    );
    const both = "cluster: { listen: '[::]', security: { clients: open, nodes: open } }";
    expect(load(both).cluster.listenHost).toBe("::");
    expect(load("cluster: { endpoint: 'http://127.0.0.2' }").cluster.listenHost).toBe("127.0.0.2");
    expect(
      load("cluster: { endpoint: 'http://proxy:80', listen: localhost }").cluster.listenHost,
    ).toBe("localhost");
  });

  it("reads the storage names of earlier files", () => {
    const file = (text: string): unknown => load(`cluster: { storage: '${text}' }`).cluster.storage;
    expect(file("sqlite:///var/flame.db")).toEqual({ kind: "sqlite", file: "/var/flame.db" });
    expect(file("sqlite://a.db?mode=rwc")).toEqual({
      kind: "sqlite",
      file: join(folder, "home/data/a.db"),
    });
    expect(file("fs:///var/flame")).toEqual({ kind: "sqlite", file: "/var/flame/flame.db" });
    const warned = load("cluster: { storage: 'fs://data/' }");
    expect(warned.warnings).toEqual([expect.stringContaining("home/data/data/flame.db")]);
    expect(load("cache: { storage: '' }").cache.storage).toEqual({ kind: "memory" });
    expect(load("", { FLAME_CACHE_STORAGE: "/mnt/x" }).cache.storage).toEqual({
      kind: "disk",
      dir: "/mnt/x",
    });
    expect(refusal("", { FLAME_CACHE_STORAGE: "s3://x" })).toContain("FLAME_CACHE_STORAGE");
  });

  it("maps http cache endpoints of earlier files to grpc and says so", () => {
    const config = load("cache: { endpoint: 'http://127.0.0.1:9091' }");
    expect(config.cache.endpoint.url).toBe("grpc://127.0.0.1:9091");
    expect(config.warnings).toEqual([expect.stringContaining("is read as grpc://127.0.0.1:9091")]);
  });

  it("treats sections in which everything is commented out as absent", () => {
    expect(load("cluster:\n  # name: x\n  executors:\n").cluster.name).toBe("flame");
    expect(load("# nothing\n").cluster.name).toBe("flame");
  });

  it("resolves plugin paths and keeps names", () => {
    const { plugins } = load(
      "cluster: { plugins: [./mine.js, other, { name: default-applications, enabled: false }] }",
    ).cluster;
    expect(plugins).toEqual([
      { name: join(folder, "mine.js"), enabled: true, options: {} },
      { name: "other", enabled: true, options: {} },
      { name: "default-applications", enabled: false, options: {} },
    ]);
  });

  it("says that a named file is missing or is not text", () => {
    const path = join(folder, "none.yaml");
    expect(() => loadClusterConfig({ path, env: env() })).toThrow(
      `${path} is not a file that can be read`,
    );
    writeFileSync(path, Buffer.from([0xff, 0xfe, 0x00, 0xc3]));
    expect(() => loadClusterConfig({ path, env: env() })).toThrow("no UTF-8");
  });
});
