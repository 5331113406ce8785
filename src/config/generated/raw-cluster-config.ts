// Generated from schemas/cluster.schema.json by scripts/generate-config-types.mjs; do not edit.

export type Duration = number | string;
export type Size = number | string;

/**
 * flame-cluster.yaml after the check of its schema, with every default filled in.
 */
export interface RawClusterConfig {
  readonly cluster: {
    /**
     * Name of the cluster, for people.
     */
    readonly name: string;
    /**
     * Where clients reach the session manager: http:// or https://, host, port (8080 when absent). Nodes use the next port. A loopback host is also the address that is listened on.
     */
    readonly endpoint: string;
    /**
     * Address to listen on when it differs from the host of the endpoint, such as 0.0.0.0. Any address that is not loopback needs an explicit cluster.security.
     */
    readonly listen?: string;
    /**
     * What one executor of a session gets when the session does not say: cpu=N,mem=SIZE,gpu=N. Absent: cpu=1,mem=1g,gpu=0.
     */
    readonly resreq?: string;
    /**
     * Who gets the next executor. priority: the highest session priority first; drf: the smallest dominant share of cpu, memory and gpu first. With both, in either order, priority decides first and drf among equal priorities; with drf alone priorities do not count.
     *
     * @minItems 1
     * @maxItems 8
     */
    readonly policies: readonly ("priority" | "drf")[];
    /**
     * Where applications, sessions and tasks are kept: sqlite://FILE, or none to keep them in memory only. fs://DIR of earlier files means an SQLite file in DIR. Relative paths are under FLAME_HOME/data.
     */
    readonly storage: string;
    readonly schedule_interval: Duration;
    /**
     * What every executor manager does.
     */
    readonly executors: {
      /**
       * The kind of service that nodes offer.
       */
      readonly shim: "host" | "wasm";
      /**
       * Variables that every service process gets, beside those of its application.
       */
      readonly environment: {
        readonly [k: string]: string;
      };
      readonly drain: Duration;
      /**
       * How many service processes a node keeps started for sessions to come, of all applications with warm_instances together, at most. 0: none.
       */
      readonly warm: number;
      /**
       * Accepted for files of earlier versions; cluster.limits.max_executors is the limit.
       */
      readonly limits?: {
        /**
         * Accepted for files of earlier versions; cluster.limits.max_executors is the limit.
         */
        readonly max_executors?: number;
      };
    };
    readonly limits: {
      /**
       * How many sessions are kept; beyond it the longest closed ones are dropped.
       */
      readonly max_sessions: number;
      /**
       * Sessions that may be open at once; beyond it none is created.
       */
      readonly max_open_sessions: number;
      /**
       * Pending and running tasks of all sessions together. One session gets at most as many as are still free.
       */
      readonly max_open_tasks: number;
      /**
       * Finished tasks that an open session keeps with their inputs and outputs; as soon as there are a tenth of that more, or a thousand, those that ended first are forgotten. Pending and running tasks and those of closed sessions stay.
       */
      readonly finished_tasks_kept: number;
      /**
       * WatchTask streams of all clients together. One client gets at most as many as are still free, one connection as many as its client has left.
       */
      readonly max_watchers: number;
      /**
       * Calls of clients that are under way, watches not counted. One client gets at most as many as are still free, one connection as many as its client has left.
       */
      readonly max_calls: number;
      readonly max_request_bytes: Size;
      readonly max_reply_bytes: Size;
      /**
       * Registered applications.
       */
      readonly max_applications: number;
      readonly max_storage_bytes: Size;
      readonly closed_session_retention: Duration;
      readonly absent_client_timeout: Duration;
      readonly idle_session_timeout: Duration;
      /**
       * Executors per node.
       */
      readonly max_executors: number;
    };
    readonly recovery: {
      readonly session: {
        /**
         * Failed binds of a session after which binding goes on only as a slow probe. 0: the session gets no executors.
         */
        readonly retry_limits: number;
      };
    };
    readonly tls?: Tls;
    /**
     * Who may call. Must be said for every address that is not loopback.
     */
    readonly security: {
      /**
       * Frontend and object cache. same-user, the default on loopback: processes of the daemon's own user, of root and of users; open: whoever reaches the address; token: whoever sends a token of token_file; mtls: whoever has a certificate of tls.ca_file. Published clients can use only same-user and open.
       */
      readonly clients?: "same-user" | "open" | "token" | "mtls";
      /**
       * Backend. same-user, the default on loopback; open: whoever reaches the address; token: executor managers with a token of node_token_file; mtls: those with a certificate of tls.ca_file.
       */
      readonly nodes?: "same-user" | "open" | "token" | "mtls";
      /**
       * Users of this machine whose calls same-user takes, beside those of the daemon's own user and of root: names, uids, and @ with the name of a group. Read from /etc/passwd and /etc/group at the start.
       *
       * @maxItems 1024
       */
      readonly users: readonly (string | number)[];
      /**
       * File with the tokens of clients, one a line: NAME sha256:HEX roles=ROLE,... expires=DATE, as flame token prints it, or a token as it is sent, of 16 characters or more, which has no name. Read again when it changes.
       */
      readonly token_file?: string;
      /**
       * File with the tokens of executor managers, in the same form. An executor manager sends the first that stands there as it is sent.
       */
      readonly node_token_file?: string;
      /**
       * File with the token that session manager and executor managers send to the object cache. Absent: the first of token_file that stands there as it is sent.
       */
      readonly daemon_token_file?: string;
      /**
       * File with the token that services send to Frontend and object cache. Absent: the first of token_file that stands there as it is sent.
       */
      readonly service_token_file?: string;
      /**
       * Roles of the names of tokens and the subjects of certificates, beside those of their lines in token files. Absent: names without a role in their line, and all certificates, have all roles (docs/security.md, 37).
       *
       * @maxItems 10000
       *
       * Items: One role for some names.
       */
      readonly roles?: {
        /**
         * What they may do (docs/security.md, 37.1): viewer looks, user runs sessions, operator changes applications, admin does everything, node takes tasks.
         */
        readonly role: "viewer" | "user" | "operator" | "admin" | "node";
        /**
         * Names of tokens, and subjects of certificates such as O=team,CN=alice, as flmctl history shows them; * for everybody who gets through.
         *
         * @minItems 1
         * @maxItems 10000
         */
        readonly names: readonly string[];
        /**
         * Only for applications with one of these names, or one of labels.
         *
         * @minItems 1
         * @maxItems 10000
         */
        readonly applications?: readonly string[];
        /**
         * Only for applications with one of these labels, or one of the names of applications.
         *
         * @minItems 1
         * @maxItems 1000
         */
        readonly labels?: readonly string[];
      }[];
      /**
       * What each of some identities may have at once, beside cluster.limits (docs/security.md, 38). Of each quota, the first entry counts that is for the identity and says it.
       *
       * @maxItems 10000
       *
       * Items: The quotas of some names, for each name by itself.
       */
      readonly quotas: {
        /**
         * Names of tokens, and subjects of certificates such as O=team,CN=alice, as flmctl history shows them; * for every identity, tokens without a name too.
         *
         * @minItems 1
         * @maxItems 10000
         */
        readonly names: readonly string[];
        /**
         * Open sessions that it owns.
         */
        readonly max_open_sessions?: number;
        /**
         * Pending and running tasks of the sessions that it owns, whoever submitted them.
         */
        readonly max_open_tasks?: number;
        /**
         * Executors that serve the sessions that it owns, together; one whose task waits for tasks of its own is not counted.
         */
        readonly max_executors?: number;
        readonly max_open_bytes?: Size;
      }[];
    };
    /**
     * The audit log of the session manager: a line for each call that changes something or reads everything (docs/audit.md).
     */
    readonly audit: {
      /**
       * false: none is written.
       */
      readonly enabled: boolean;
      readonly max_file_bytes: Size;
      /**
       * Files that are kept; beyond them the oldest one goes.
       */
      readonly max_files: number;
    };
    /**
     * Plugins beside the built-in ones, in the order of their hooks: paths of modules, names of packages, or { name, enabled, options } (docs/plugins.md).
     *
     * @maxItems 64
     */
    readonly plugins: (
      | string
      | {
          /**
           * A built-in plugin; a module, by its path from this file's folder (with ./ in front); or a package in node_modules beside this file or in FLAME_HOME.
           */
          readonly name: string;
          /**
           * false switches a plugin off.
           */
          readonly enabled?: boolean;
          /**
           * Checked by the plugin's own schema.
           */
          readonly options?: {
            readonly [k: string]: unknown;
          };
        }
    )[];
    readonly pprof?: Pprof;
  };
  readonly cache: {
    /**
     * Where everybody reaches the object cache: grpc:// or grpcs://, host, port (9090 when absent). Object references carry this host and port.
     */
    readonly endpoint: string;
    /**
     * Address to listen on when it differs from the host of the endpoint.
     */
    readonly listen?: string;
    /**
     * Accepted for files of earlier versions; cache.endpoint and cache.listen say the address.
     */
    readonly network_interface?: string;
    /**
     * Folder of the objects (a path, file:// or fs://), or none to keep them in memory only. Relative paths are under FLAME_HOME/data.
     */
    readonly storage: string;
    /**
     * The cache in memory, above the folder.
     */
    readonly eviction: {
      /**
       * Which objects leave memory when it is full. lru: those unused for longest; none: none leaves, and others are read from the folder.
       */
      readonly policy: "lru" | "none";
      readonly max_memory: Size;
      /**
       * Objects in memory. Absent: no limit.
       */
      readonly max_objects?: number;
    };
    readonly max_disk: Size;
    readonly max_transfer: Size;
    readonly orphan_retention: Duration;
    readonly retention: Duration;
    readonly tls?: Tls;
    readonly pprof?: Pprof;
  };
  readonly core: {
    readonly payload_cache_bytes: Size;
  };
  readonly packages: {
    /**
     * Schemes of an application's url that are accepted beside file, grpc and grpcs; those may be listed too.
     *
     * @maxItems 5
     */
    readonly allowed_schemes: readonly ("http" | "https" | "file" | "grpc" | "grpcs")[];
    readonly max_disk: Size;
  };
  readonly metrics: {
    /**
     * false: no daemon serves metrics.
     */
    readonly enabled: boolean;
    /**
     * Address of GET /metrics. Any address that is not loopback needs an explicit cluster.security.clients.
     */
    readonly listen: string;
    /**
     * Port of the session manager's metrics; 0: a free one, told in FLAME_HOME/run.
     */
    readonly session_manager_port: number;
    /**
     * Port of the executor manager's metrics; 0: a free one, told in FLAME_HOME/run.
     */
    readonly executor_manager_port: number;
    /**
     * Port of the object cache's metrics; 0: a free one, told in FLAME_HOME/run.
     */
    readonly object_cache_port: number;
  };
}
export interface Tls {
  /**
   * PEM file with the daemon's certificate chain, its own first. With mtls it shows it where it is a client.
   */
  readonly cert_file: string;
  /**
   * PEM file with the private key.
   */
  readonly key_file: string;
  /**
   * PEM file with the authority that nodes trust and that signed the certificates of callers (mtls). Absent: the system's.
   */
  readonly ca_file?: string;
}
export interface Pprof {
  /**
   * Accepted for files of earlier versions.
   */
  readonly port?: number;
}
