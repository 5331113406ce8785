import { dirname, resolve } from "node:path";
import type { DocumentPath } from "../documents/fault.ts";
import { FlameError } from "../model/errors.ts";
import type { Quota } from "../model/quota.ts";
import { parseResources, parseSize, type Resources } from "../model/resources.ts";
import type {
  Access,
  AuditConfig,
  ClusterConfig,
  ClusterLimits,
  PluginEntry,
  SecurityConfig,
  TlsFiles,
} from "./cluster-config.ts";
import type { ConfigDocument } from "./config-file.ts";
import { type Endpoint, endpointOf, isLoopback, parseEndpoint } from "./endpoint.ts";
import { type Env, envValue } from "./env.ts";
import { flameHome } from "./flame-home.ts";
import type { RawClusterConfig, Tls } from "./generated/raw-cluster-config.ts";
import { parseCacheStorage, parseClusterStorage } from "./storage-url.ts";
import { DURATION_MS_MAX, durationMs } from "./units.ts";

const FRONTEND_PORT_DEFAULT = 8080;
const CACHE_PORT_DEFAULT = 9090;
/** A few hundred lines. */
const AUDIT_FILE_BYTES_MIN = 64 * 1024;

/**
 * Turns the checked document into typed values: texts into endpoints, sizes, durations and absolute paths.
 * @throws FlameError invalid_config with the place in the file.
 */
export function buildClusterConfig(
  raw: RawClusterConfig,
  document: ConfigDocument,
  env: Env,
): ClusterConfig {
  const read = new Reader(document, flameHome(env).data);
  const cluster = {
    name: raw.cluster.name,
    ...read.collectFault(() => read.clusterAddress(raw)),
    resreq: read.collectFault(() => read.resources(raw.cluster.resreq)),
    policies: raw.cluster.policies,
    storage: read.collectFault(() => read.clusterStorage(raw.cluster.storage)),
    scheduleIntervalMs: read.collectFault(() =>
      read.duration(["cluster", "schedule_interval"], raw.cluster.schedule_interval, 1),
    ),
    limits: limitsOf(raw.cluster.limits),
    ...sessionTimes(read, raw.cluster.limits),
    maxExecutorsPerNode: raw.cluster.limits.max_executors,
    bindRetryLimit: raw.cluster.recovery.session.retry_limits,
    plugins: raw.cluster.plugins.map((entry) => read.collectFault(() => read.plugin(entry))),
    tls: read.collectFault(() => read.tls(raw.cluster.tls)),
    security: read.collectFault(() => read.security(raw)),
    audit: read.collectFault(() => read.audit(raw.cluster.audit)),
  };
  const { eviction } = raw.cache;
  const config: ClusterConfig = {
    source: document.source,
    cluster,
    executors: {
      shim: raw.cluster.executors.shim,
      environment: raw.cluster.executors.environment,
      drainMs: read.collectFault(() =>
        read.duration(["cluster", "executors", "drain"], raw.cluster.executors.drain, 0),
      ),
      warmMax: raw.cluster.executors.warm,
    },
    cache: {
      ...read.collectFault(() => read.cacheAddress(raw)),
      storage: read.collectFault(() =>
        read.cacheStorage(raw.cache.storage, envValue(env, "FLAME_CACHE_STORAGE")),
      ),
      policy: eviction.policy,
      maxMemoryBytes: sizeOf(eviction.max_memory),
      maxObjects: eviction.max_objects ?? Number.POSITIVE_INFINITY,
      maxDiskBytes: sizeOf(raw.cache.max_disk),
      orphanRetentionMs: read.collectFault(() =>
        read.duration(["cache", "orphan_retention"], raw.cache.orphan_retention, 0),
      ),
      maxTransferBytes: sizeOf(raw.cache.max_transfer),
      retentionMs: read.collectFault(() =>
        read.duration(["cache", "retention"], raw.cache.retention, 0),
      ),
      tls: read.collectFault(() => read.tls(raw.cache.tls)),
    },
    core: { payloadCacheBytes: sizeOf(raw.core.payload_cache_bytes) },
    metrics: read.collectFault(() => read.metrics(raw)),
    packages: {
      allowedSchemes: raw.packages.allowed_schemes,
      maxDiskBytes: sizeOf(raw.packages.max_disk),
    },
    warnings: [...read.warnings],
  };
  read.throwFaults();
  return config;
}

function sessionTimes(
  read: Reader,
  limits: RawClusterConfig["cluster"]["limits"],
): Pick<ClusterConfig["cluster"], "closedSessionRetentionMs" | "absentClientMs" | "idleSessionMs"> {
  const time = (
    key: "closed_session_retention" | "absent_client_timeout" | "idle_session_timeout",
  ): number => read.collectFault(() => read.duration(["cluster", "limits", key], limits[key], 0));
  return {
    closedSessionRetentionMs: time("closed_session_retention"),
    absentClientMs: time("absent_client_timeout"),
    idleSessionMs: time("idle_session_timeout"),
  };
}

function limitsOf(limits: RawClusterConfig["cluster"]["limits"]): ClusterLimits {
  return {
    maxSessions: limits.max_sessions,
    maxOpenSessions: limits.max_open_sessions,
    maxOpenTasks: limits.max_open_tasks,
    finishedTasksKept: limits.finished_tasks_kept,
    maxWatchers: limits.max_watchers,
    maxCalls: limits.max_calls,
    maxRequestBytes: sizeOf(limits.max_request_bytes),
    maxReplyBytes: sizeOf(limits.max_reply_bytes),
    maxApplications: limits.max_applications,
    maxStorageBytes: sizeOf(limits.max_storage_bytes) || Number.POSITIVE_INFINITY,
  };
}

function sizeOf(value: number | string): number {
  return typeof value === "number" ? value : parseSize(value);
}

class Reader {
  readonly #document: ConfigDocument;
  readonly #dataDir: string;
  readonly warnings: string[] = [];
  readonly #faults: FlameError[] = [];

  constructor(document: ConfigDocument, dataDir: string) {
    this.#document = document;
    this.#dataDir = dataDir;
  }

  /** The value, or nothing and a fault that {@link throwFaults} tells: nobody wants to hear of them one by one. */
  collectFault<T>(read: () => T): T {
    try {
      return read();
    } catch (thrown) {
      this.#faults.push(FlameError.from(thrown));
      return undefined as T;
    }
  }

  /** @throws FlameError invalid_config with everything that was found. */
  throwFaults(): void {
    const [first, ...others] = this.#faults;
    if (first === undefined) return;
    const texts = others.map(({ message }) => message.replace("invalid configuration: ", ""));
    const text = [...new Set([first.message, ...texts])].join("; and ");
    throw new FlameError(first.code, text, { cause: first });
  }

  clusterAddress(raw: RawClusterConfig): { endpoint: Endpoint; listenHost: string } {
    const at = ["cluster", "endpoint"];
    const endpoint = this.#endpoint(
      at,
      raw.cluster.endpoint,
      ["http", "https"],
      FRONTEND_PORT_DEFAULT,
    );
    if (endpoint.port === 65535) {
      throw this.#document.fault(at, "a port of at most 65534", "nodes use the next port");
    }
    if (endpoint.secure !== (raw.cluster.tls !== undefined)) {
      this.warnings.push(
        `cluster.endpoint is ${endpoint.url}, but cluster.tls is ${endpoint.secure ? "absent" : "present"}: clients and server will not understand each other unless something between them does TLS`,
      );
    }
    return { endpoint, listenHost: this.#listenHost("cluster", endpoint, raw) };
  }

  cacheAddress(raw: RawClusterConfig): { endpoint: Endpoint; listenHost: string } {
    const schemes = ["grpc", "grpcs", "http", "https"];
    const written = this.#endpoint(
      ["cache", "endpoint"],
      raw.cache.endpoint,
      schemes,
      CACHE_PORT_DEFAULT,
    );
    // Clients understand grpc and grpcs only; earlier files say http and https and mean these.
    const endpoint = endpointOf(written.secure ? "grpcs" : "grpc", written.host, written.port);
    if (written.scheme !== endpoint.scheme) {
      this.warnings.push(`cache.endpoint ${written.url} is read as ${endpoint.url}`);
    }
    return { endpoint, listenHost: this.#listenHost("cache", endpoint, raw) };
  }

  #endpoint(at: DocumentPath, text: string, schemes: readonly string[], port: number): Endpoint {
    try {
      return parseEndpoint(text, schemes, port);
    } catch {
      const forms = schemes.map((scheme) => `${scheme}://HOST:PORT`).join(" or ");
      throw this.#document.fault(at, forms);
    }
  }

  metrics(raw: RawClusterConfig): ClusterConfig["metrics"] {
    const { metrics } = raw;
    return {
      enabled: metrics.enabled,
      listenHost: metrics.enabled ? this.#listenHost("metrics", undefined, raw) : metrics.listen,
      sessionManagerPort: metrics.session_manager_port,
      executorManagerPort: metrics.executor_manager_port,
      objectCachePort: metrics.object_cache_port,
    };
  }

  #listenHost(
    section: "cluster" | "cache" | "metrics",
    endpoint: Endpoint | undefined,
    raw: RawClusterConfig,
  ): string {
    const listen = raw[section].listen?.replace(/^\[(.*)\]$/, "$1");
    const host = listen ?? endpoint?.host ?? "";
    if (isLoopback(host)) return host;
    for (const key of ["clients", "nodes"] as const) {
      if (raw.cluster.security[key] !== undefined) continue;
      const at = [section, listen === undefined ? "endpoint" : "listen"];
      throw this.#document.fault(
        at,
        "a loopback address (127.0.0.1, ::1, localhost) or an explicit choice of who may call",
        `listening on ${host} lets others in: set cluster.security.${key} (token, mtls or open), or set ${section}.listen to a loopback address`,
      );
    }
    this.#warnOfOpenTokens(section, host, raw);
    return host;
  }

  /** Whoever sees the network between a caller and this listener reads its token. */
  #warnOfOpenTokens(
    section: "cluster" | "cache" | "metrics",
    host: string,
    { cluster, cache }: RawClusterConfig,
  ): void {
    if (section === "metrics") return;
    const { clients, nodes } = cluster.security;
    // The object cache knows clients alone; it has TLS when its endpoint says so.
    const asks = clients === "token" || (section === "cluster" && nodes === "token");
    const secure =
      section === "cluster" ? cluster.tls !== undefined : /^(grpcs|https):/i.test(cache.endpoint);
    if (!asks || secure) return;
    const mend =
      section === "cluster" ? "set cluster.tls" : "set cache.tls, and cache.endpoint to grpcs://";
    this.warnings.push(
      `${section} listens on ${host} without TLS, and cluster.security says token: tokens can be read on the way; ${mend}`,
    );
  }

  resources(text: string | undefined): Resources | undefined {
    if (text === undefined) return undefined;
    try {
      return parseResources(text);
    } catch (thrown) {
      const hint = FlameError.from(thrown).message;
      throw this.#document.fault(["cluster", "resreq"], "cpu=N,mem=SIZE,gpu=N", hint);
    }
  }

  clusterStorage(text: string): ClusterConfig["cluster"]["storage"] {
    const parsed = parseClusterStorage(text, this.#dataDir);
    if (parsed === undefined) {
      throw this.#document.fault(["cluster", "storage"], "sqlite://FILE, fs://DIR or none");
    }
    if (parsed.warning !== undefined) this.warnings.push(parsed.warning);
    return parsed.storage;
  }

  cacheStorage(text: string, fromEnv: string | undefined): ClusterConfig["cache"]["storage"] {
    const storage = parseCacheStorage(fromEnv ?? text, this.#dataDir);
    if (storage !== undefined) return storage;
    if (fromEnv === undefined) throw this.#document.fault(["cache", "storage"], "a folder or none");
    const got = `FLAME_CACHE_STORAGE: got "${fromEnv}", expected a folder or none`;
    throw new FlameError("invalid_config", `invalid configuration: ${got}`);
  }

  duration(at: DocumentPath, value: number | string, leastMs: number): number {
    const ms = durationMs(value);
    if (ms >= leastMs && ms <= DURATION_MS_MAX) return ms;
    throw this.#document.fault(at, `${leastMs} to ${DURATION_MS_MAX} milliseconds`);
  }

  audit({ enabled, max_file_bytes, max_files }: RawClusterConfig["cluster"]["audit"]): AuditConfig {
    const fileBytesMax = sizeOf(max_file_bytes);
    if (fileBytesMax < AUDIT_FILE_BYTES_MIN)
      throw this.#document.fault(["cluster", "audit", "max_file_bytes"], "64K or more");
    return { enabled, fileBytesMax, filesMax: max_files };
  }

  /** Relative paths in a file are relative to it, so that the file means the same from everywhere. */
  #path(path: string): string {
    return resolve(dirname(this.#document.source), path);
  }

  tls(raw: Tls | undefined): TlsFiles | undefined {
    if (raw === undefined) return undefined;
    return {
      certFile: this.#path(raw.cert_file),
      keyFile: this.#path(raw.key_file),
      caFile: raw.ca_file === undefined ? undefined : this.#path(raw.ca_file),
    };
  }

  security(raw: RawClusterConfig): SecurityConfig {
    const { clients, nodes, users, token_file, node_token_file, roles, quotas } =
      raw.cluster.security;
    const { daemon_token_file, service_token_file } = raw.cluster.security;
    const file = (path: string | undefined) => (path === undefined ? undefined : this.#path(path));
    if (clients === "token") this.#need(["cluster", "security", "token_file"], token_file, "token");
    if (nodes === "token")
      this.#need(["cluster", "security", "node_token_file"], node_token_file, "token");
    if (clients === "mtls" || nodes === "mtls")
      this.#need(["cluster", "tls", "ca_file"], raw.cluster.tls?.ca_file, "mtls");
    if (clients === "mtls") {
      this.#need(["cache", "tls", "ca_file"], raw.cache.tls?.ca_file, "mtls");
      if (!/^(grpcs|https):/i.test(raw.cache.endpoint))
        throw this.#document.fault(["cache", "endpoint"], "grpcs://HOST:PORT, as clients is mtls");
    }
    if (clients === "token" && nodes === "token" && token_file === node_token_file)
      this.warnings.push(
        `cluster.security.token_file and node_token_file are both ${token_file ?? ""}: whoever has a client's token may be a node; give nodes a file of their own`,
      );
    return {
      // A default only for what nobody but this machine can reach: see #listenHost.
      clients: clients ?? "same-user",
      nodes: nodes ?? "same-user",
      users,
      tokenFile: file(token_file),
      nodeTokenFile: file(node_token_file),
      daemonTokenFile: file(daemon_token_file),
      serviceTokenFile: file(service_token_file),
      roles,
      quotas: this.#quotas(quotas, clients),
    };
  }

  #quotas(raw: RawClusterConfig["cluster"]["security"]["quotas"], clients?: Access): Quota[] {
    if (raw.length > 0 && clients !== "token" && clients !== "mtls")
      this.warnings.push(
        `cluster.security.quotas counts for nobody while cluster.security.clients is ${clients ?? "same-user"}: only token and mtls tell callers apart`,
      );
    return raw.map((one) => ({
      names: one.names,
      ...(one.max_open_sessions !== undefined && { maxOpenSessions: one.max_open_sessions }),
      ...(one.max_open_tasks !== undefined && { maxOpenTasks: one.max_open_tasks }),
      ...(one.max_executors !== undefined && { maxExecutors: one.max_executors }),
      ...(one.max_open_bytes !== undefined && { maxOpenBytes: sizeOf(one.max_open_bytes) }),
    }));
  }

  #need(at: DocumentPath, value: string | undefined, access: Access): void {
    if (value !== undefined) return;
    throw this.#document.fault(at, "the path of a file", `cluster.security says ${access}`);
  }

  plugin(entry: RawClusterConfig["cluster"]["plugins"][number]): PluginEntry {
    const {
      name,
      enabled = true,
      options = {},
    } = typeof entry === "string" ? { name: entry } : entry;
    return { name: /^[./]/.test(name) ? this.#path(name) : name, enabled, options };
  }
}
