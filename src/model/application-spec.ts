// Generated from schemas/application.schema.json by scripts/generate-application-types.mjs; do not edit.

/**
 * The specification as it was written: checked, before defaults.
 */
export interface ApplicationManifestSpec {
  /**
   * The kind of service: Host is a process on the node, Wasm a component. A node must offer the shim, or tasks stay Pending.
   */
  readonly shim?: "Host" | "Wasm";
  /**
   * Container image of the service, for nodes that run images.
   */
  readonly image?: string;
  /**
   * What the application does, for people.
   */
  readonly description?: string;
  /**
   * Words to find the application by; shown as Tags.
   *
   * @maxItems 256
   */
  readonly labels?: readonly string[];
  /**
   * Program of the service. ${NAME} is expanded on the node when it is started: first from the application's environment, then from the node's, such as ${FLAME_HOME}/bin/uv.
   */
  readonly command?: string;
  /**
   * Arguments of the command, one entry each; ${NAME} is expanded as in command.
   *
   * @maxItems 1024
   */
  readonly arguments?: readonly string[];
  /**
   * Environment variables of the service. Values are texts: numbers need quotes. ${NAME} is expanded from the node's environment.
   */
  readonly environments?: {
    readonly [k: string]: string;
  };
  /**
   * Absolute path of the folder that the service is started in. Absent: a folder of its own. Manifests that the server reads from a file may begin it with ${FLAME_HOME}.
   */
  readonly working_directory?: string;
  /**
   * Service instances over all sessions of the application.
   */
  readonly max_instances?: number;
  /**
   * Seconds that an idle instance waits for the next task of its session before it is released; 0 or less: it does not wait.
   */
  readonly delay_release?: number;
  /**
   * Seconds that a task may run, counted from the moment at which an executor was given it, anew for each attempt. Then it is Failed and its service is ended. Absent: no limit.
   */
  readonly task_timeout?: number;
  /**
   * A task is Failed, with the list of its attempts, when its service has died under it so many times.
   */
  readonly max_crashes?: number;
  /**
   * A task is Failed, with the list of its attempts, when so many times the node that ran it died or was lost.
   */
  readonly max_lost_nodes?: number;
  /**
   * How many service processes each node keeps started for sessions to come, within its cluster.executors.warm. Such a process serves one session; another one takes its place. Absent or 0: none.
   */
  readonly warm_instances?: number;
  /**
   * JSON Schemas of what the application takes and gives, each as JSON text. Drafts 04, 06, 07, 2019-09 and 2020-12 (the default); checked against their meta-schema.
   */
  readonly schema?: {
    /**
     * JSON Schema text of a task's input.
     */
    readonly input?: string;
    /**
     * JSON Schema text of a task's output.
     */
    readonly output?: string;
    /**
     * JSON Schema text of a session's common data.
     */
    readonly common_data?: string;
  };
  /**
   * Where the application's package lies: file:///ABSOLUTE/PATH on every node, or the grpc:// or grpcs:// url of an upload to the object cache. May end with #sha256= and 64 hex digits to pin its content. Absent: no package.
   */
  readonly url?: string;
  /**
   * How the package is installed: python (wheel, archive or project folder) or binary. Absent: a package that looks like Python is installed as python, any other is left alone.
   */
  readonly installer?: "python" | "binary";
  /**
   * Python packages that the service can import, one entry each: requirements such as numpy>=2, https:// urls, file:///ABSOLUTE/PATH of wheels and archives on every node, or grpc:// urls of uploads with their #sha256=. Each node makes one environment of them. Those of a session come behind them.
   *
   * @maxItems 256
   */
  readonly packages?: readonly string[];
}

type Defaulted =
  | "shim"
  | "labels"
  | "arguments"
  | "environments"
  | "max_instances"
  | "delay_release"
  | "max_crashes"
  | "max_lost_nodes";

/**
 * The specification with every default filled in: what everything behind the door reads.
 */
export type ApplicationSpec = Omit<ApplicationManifestSpec, Defaulted> &
  Required<Pick<ApplicationManifestSpec, Defaulted>>;
