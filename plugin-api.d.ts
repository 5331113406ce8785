// Flame for TypeScript: the interface of plugins, version 1. How to use it: docs/plugins.md.
// Generated from src/plugins/plugin-api.ts and schemas/application.schema.json by scripts/generate-plugin-api.mjs; do not edit.

/** The version of this interface. A later one that old plugins cannot be used with gets another number. */
export type PluginApiVersion = 1;

/**
 * A plugin of the session manager: the default export of a module that `cluster.plugins` names. Plugins are trusted code:
 * they run inside the session manager, with all its rights.
 */
export interface FlamePlugin<Options = PluginOptions> {
  /** How the log and errors name it: 1 to 64 letters, digits, `-`, `_`, `.`, `/` or `@`. No other plugin may have it. */
  readonly name: string;
  readonly apiVersion: PluginApiVersion;
  /** JSON Schema (2020-12) of the plugin's options; without one it takes none. */
  readonly optionsSchema?: object;
  /**
   * Says which hooks the plugin has. Asked once, before anything is seeded or served: from then on every manifest passes
   * the hooks of all plugins, in the order of `cluster.plugins`. Has 30 seconds; what it throws stops the start.
   */
  hooks?(context: PluginContext<Options>): PluginHooks | Promise<PluginHooks>;
  /**
   * Runs once, after the default applications were seeded and before the session manager listens. Has 30 seconds; what it
   * throws stops the start with the plugin's name and the reason.
   */
  start?(host: PluginHost<Options>): Promise<void> | void;
}

/** The entry's `options` in `cluster.plugins`, checked by the plugin's `optionsSchema`; frozen. */
export type PluginOptions = Readonly<Record<string, unknown>>;

/** What a plugin has from the beginning. */
export interface PluginContext<Options = PluginOptions> {
  readonly options: Options;
  readonly logger: PluginLogger;
  /** Registers what gives something back when the session manager stops; the last registered runs first. */
  readonly onClose: (release: () => Promise<void> | void) => void;
}

/** Writes to the session manager's log; every line carries the plugin's name. */
export interface PluginLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** All that a plugin can reach. */
export interface PluginHost<Options = PluginOptions> extends PluginContext<Options> {
  readonly applications: PluginApplications;
}

/**
 * Hooks see each manifest on its way into the registry, whatever brings it: a call, a file, a default, a rollback, a plugin,
 * a dry run. A hook that throws, gives something else than it should, or takes longer than 5 seconds refuses the manifest.
 */
export interface PluginHooks {
  /**
   * Changes the draft in place, or returns another one. Its values have the types that the schema says; everything else
   * about it is checked afterwards. It may not change the name. Run on its own result it must change nothing, since a
   * manifest may pass more than once.
   */
  mutate?(draft: ManifestDraft, source: ManifestSource, context: HookContext): MutateResult;
  /** Returns what is wrong with the application, or nothing. It passed every other check and is frozen. */
  validate?(
    application: CheckedApplication,
    source: ManifestSource,
    context: HookContext,
  ): ValidateResult;
}

export type MutateResult = void | Manifest | undefined | Promise<void | Manifest | undefined>;
export type ValidateResult =
  | void
  | readonly HookFault[]
  | undefined
  | Promise<void | readonly HookFault[] | undefined>;
/** A manifest as it is written: what `flmctl apply` reads. */
export interface Manifest {
  readonly metadata: { readonly name: string };
  readonly spec: ApplicationManifestSpec;
}

/** A manifest to be changed in place. */
export interface ManifestDraft {
  metadata: { name: string };
  spec: Draft<ApplicationManifestSpec>;
}

/** A type with nothing readonly. */
export type Draft<T> = T extends readonly (infer E)[]
  ? Draft<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Draft<T[K]> }
    : T;

/** Where a revision, or the value of one field, came from. */
export type ApplicationOrigin = "default" | "file" | "api";

/** Where a manifest comes from. */
export interface ManifestSource {
  readonly origin: ApplicationOrigin;
  /** A caller's name and address, the file, or `plugin NAME`. */
  readonly author: string;
  /** The file, tool or plugin that keeps the application, when one does. */
  readonly owner?: string;
}

export interface HookContext {
  /** Aborted when the hook's time is over. */
  readonly signal: AbortSignal;
}

/** What a validating hook finds: told as `PATH: got X, expected Y; HINT`, with the plugin's name. */
export interface HookFault {
  /** Such as `spec.labels`, `spec.labels[2]` or `spec.environments.PATH`. */
  readonly path: string;
  readonly got: string;
  readonly expected: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** An application that passed every check of its manifest, frozen. */
export interface CheckedApplication {
  readonly name: string;
  /** As it was written, in canonical form. */
  readonly manifest: ApplicationManifestSpec;
  /** With every default filled in. */
  readonly spec: ApplicationSpec;
}

/** An application of the registry at its present revision, frozen. Times are Unix milliseconds. */
export interface Application extends CheckedApplication {
  /** Disabled: takes no new sessions, and goes when its last open one is closed. */
  readonly state: "Enabled" | "Disabled";
  /** Counts from 1; each change of the manifest is the next one. */
  readonly revision: number;
  readonly revisionTime: number;
  readonly creationTime: number;
  /** Who made this revision, and in what way. */
  readonly origin: ApplicationOrigin;
  readonly author: string;
  /** The file, tool or plugin that keeps it: others change it by force only. */
  readonly owner?: string;
}

/**
 * The registry. Each promise resolves when the change is durable. What is refused is thrown as an Error with a `code`:
 * `invalid_argument`, `not_found`, `invalid_state` (another keeps it, or sessions are open), `aborted` (another revision
 * than expected), `resource_exhausted`, `unavailable` (the session manager is stopping).
 */
export interface PluginApplications {
  /** All of them, sorted by name. */
  readonly list: () => Promise<readonly Application[]>;
  readonly get: (name: string) => Promise<Application | undefined>;
  /**
   * Creates applications or replaces their whole manifests, all in one commit or none. Open sessions stay with the
   * revision they were created with. The manifests pass every hook and check.
   */
  readonly apply: (
    manifests: Manifest | readonly Manifest[],
    options?: ApplyOptions,
  ) => Promise<readonly ApplyOutcome[]>;
  /** `removed`: gone. `disabled`: it goes when its last open session is closed. */
  readonly remove: (name: string, options?: RemoveOptions) => Promise<"removed" | "disabled">;
  /**
   * Calls the listener with each change from now on, in order, once it is durable. What a listener throws is logged. Ends
   * when the session manager stops, or by calling what is returned.
   */
  readonly watch: (listener: (event: RegistryEvent) => void | Promise<void>) => () => void;
  /**
   * Shows that the plugin could not do what it should for this application: in the status of `flmctl list app` and in
   * `flmctl view app`, until it is cleared.
   */
  readonly reportFault: (name: string, reason: string) => void;
  readonly clearFault: (name: string) => void;
}

export interface ApplyOptions {
  /** The plugin keeps the application: others change it by force only. Default true. */
  readonly keep?: boolean;
  /** With one manifest: the revision that it is made for; 0: it must not exist. */
  readonly expectedRevision?: number;
  /** Change it although another keeps it. Default false. */
  readonly force?: boolean;
  /** Decide and tell, change nothing. Default false. */
  readonly dryRun?: boolean;
}

export interface ApplyOutcome {
  readonly name: string;
  readonly action: "created" | "configured" | "unchanged";
  /** As it is now, or would be after a dry run. */
  readonly application: Application;
  /** Fields that changed, such as `command` or `environments.PATH`. */
  readonly changed: readonly string[];
}

export interface RemoveOptions {
  /** With open sessions: take no new ones, and go when the last closes. Default false: refuse. */
  readonly whenUnused?: boolean;
  readonly expectedRevision?: number;
  readonly force?: boolean;
}

/** One change of the registry. `changed` is told too when only its state, owner or shipped default changed. */
export interface RegistryEvent {
  readonly kind: "created" | "changed" | "removed";
  /** As it is after the event; as it last was when it is removed. */
  readonly application: Application;
}

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
