import type { Quota } from "../model/quota.ts";
import type { Resources } from "../model/resources.ts";
import type { Grant } from "../model/role.ts";
import type { PolicyName } from "../model/scheduling-policy.ts";
import type { Endpoint } from "./endpoint.ts";
import type { CacheStorage, ClusterStorage } from "./storage-url.ts";

/** Paths of PEM files, absolute. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** What clients and nodes trust; undefined: the system's authorities. */
  readonly caFile: string | undefined;
}

/** Who may call a listener. */
export type Access = "open" | "same-user" | "token" | "mtls";

/** `cluster.security`. */
export interface SecurityConfig {
  /** Frontend and object cache. */
  readonly clients: Access;
  /** Backend. */
  readonly nodes: Access;
  /** Names, uids, and @ with a group: whose calls `same-user` takes beside those of the daemon's user and of root. */
  readonly users: readonly (string | number)[];
  /** Absolute; there when `clients` is `token`. */
  readonly tokenFile: string | undefined;
  /** Absolute; there when `nodes` is `token`. */
  readonly nodeTokenFile: string | undefined;
  /** What the daemons send to the object cache. Absolute; undefined: the first of `tokenFile`. */
  readonly daemonTokenFile: string | undefined;
  /** What services send. Absolute; undefined: the first of `tokenFile`. */
  readonly serviceTokenFile: string | undefined;
  /** Undefined: every certificate has all roles. */
  readonly roles: readonly RoleBinding[] | undefined;
  readonly quotas: readonly Quota[];
}

/** `cluster.audit`. */
export interface AuditConfig {
  readonly enabled: boolean;
  readonly fileBytesMax: number;
  readonly filesMax: number;
}

/** One role for some names. */
export interface RoleBinding extends Grant {
  /** Of tokens, subjects of certificates, and `*` for everybody who gets through. */
  readonly names: readonly string[];
}

/** What the session manager takes at most, in `cluster.limits` (docs/protocol.md, "Overload"). */
export interface ClusterLimits {
  /** Sessions kept, open and closed. */
  readonly maxSessions: number;
  readonly maxOpenSessions: number;
  /** Pending and running, of all sessions. */
  readonly maxOpenTasks: number;
  /** Finished tasks that an open session keeps. */
  readonly finishedTasksKept: number;
  /** WatchTask streams. */
  readonly maxWatchers: number;
  /** Other calls of clients that are under way. */
  readonly maxCalls: number;
  /** Of the requests of these calls. */
  readonly maxRequestBytes: number;
  /** Of large replies that were not read yet. */
  readonly maxReplyBytes: number;
  readonly maxApplications: number;
  /** Of the data on disk; Infinity when there is no limit. */
  readonly maxStorageBytes: number;
}

/** One entry of `cluster.plugins`. */
export interface PluginEntry {
  /** A built-in name, or a module path (absolute when it was written with `/` or `.` in front). */
  readonly name: string;
  readonly enabled: boolean;
  /** Checked by the plugin's own schema. */
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * `flame-cluster.yaml`, checked, with every default filled in, frozen. Keys, limits and defaults:
 * schemas/cluster.schema.json.
 */
export interface ClusterConfig {
  /** The file that was read, or `built-in defaults`. */
  readonly source: string;
  /** What to log once at start: values that mean something else than they once did. */
  readonly warnings: readonly string[];
  readonly cluster: {
    readonly name: string;
    readonly endpoint: Endpoint;
    /** The address that Frontend (endpoint.port) and Backend (endpoint.port + 1) listen on. */
    readonly listenHost: string;
    /** Undefined: `defaultResreq` of model/resources. */
    readonly resreq: Resources | undefined;
    readonly policies: readonly PolicyName[];
    readonly storage: ClusterStorage;
    readonly scheduleIntervalMs: number;
    readonly limits: ClusterLimits;
    /** How long a closed session is kept; 0: for good. */
    readonly closedSessionRetentionMs: number;
    /** Silence of its client after which a session that ends with it is closed; 0: never. */
    readonly absentClientMs: number;
    /** How long such a session may be without a task; 0: for good. */
    readonly idleSessionMs: number;
    readonly maxExecutorsPerNode: number;
    readonly bindRetryLimit: number;
    readonly plugins: readonly PluginEntry[];
    readonly tls: TlsFiles | undefined;
    readonly security: SecurityConfig;
    readonly audit: AuditConfig;
  };
  readonly executors: {
    readonly shim: "host" | "wasm";
    readonly environment: Readonly<Record<string, string>>;
    readonly drainMs: number;
    /** Service processes that a node keeps started for sessions to come, at most. */
    readonly warmMax: number;
  };
  readonly cache: {
    readonly endpoint: Endpoint;
    readonly listenHost: string;
    readonly storage: CacheStorage;
    readonly policy: "lru" | "none";
    readonly maxMemoryBytes: number;
    /** Infinity when there is no limit. */
    readonly maxObjects: number;
    readonly maxDiskBytes: number;
    /** Of objects that are received and sent at once. */
    readonly maxTransferBytes: number;
    /** How long objects of unknown sessions are kept after their last use; 0: for good. */
    readonly orphanRetentionMs: number;
    readonly retentionMs: number;
    readonly tls: TlsFiles | undefined;
  };
  readonly core: { readonly payloadCacheBytes: number };
  /** Where the daemons serve their metrics; port 0 is a free one. */
  readonly metrics: {
    readonly enabled: boolean;
    readonly listenHost: string;
    readonly sessionManagerPort: number;
    readonly executorManagerPort: number;
    readonly objectCachePort: number;
  };
  readonly packages: {
    readonly allowedSchemes: readonly string[];
    /** Of installed packages, per node. */
    readonly maxDiskBytes: number;
  };
}
