import type { Admission } from "../application-registry/admission.ts";
import type { RegistryHost } from "../application-registry/index.ts";
import type { ManifestHooks } from "../application-registry/manifest-hooks.ts";
import type { ManifestSource } from "../application-registry/manifest-source.ts";
import type { SourceFaults } from "../application-registry/source-faults.ts";
import type { Clock } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import type { CheckedManifest, FaultyManifest } from "../manifest/manifest.ts";

/** A plugin as the host starts it: a built-in one, or what a module exports behind the published interface (plugin-api.ts). */
export interface FlamePlugin {
  /** How `cluster.plugins`, the log and errors name it. */
  readonly name: string;
  /** JSON Schema (2020-12) of the plugin's options; without one it takes none. */
  readonly optionsSchema?: object;
  /** Runs before any plugin is started: from then on every manifest passes the hooks of all plugins. */
  hooks?(context: HooksContext): Promise<PluginHooks> | PluginHooks;
  /**
   * Runs before the session manager listens; must settle within the start deadline. What it throws stops the start with
   * the plugin's name and the reason.
   */
  start(host: PluginHost): Promise<void> | void;
}

export type PluginHooks = Omit<ManifestHooks, "plugin">;

export type HooksContext = Pick<PluginHost, "options" | "logger" | "onClose">;

/** All that a plugin can reach. */
export interface PluginHost {
  readonly applications: RegistryHost;
  /** The one door for manifests: structured data, or text without the rights of the server's own files. */
  readonly admission: Admission;
  /** What is wrong with files and plugins that speak for applications: `view app` and `list app` show it. */
  readonly faults: SourceFaults;
  /** Admits every document of a file of the server: a leading `${FLAME_HOME}` in working_directory is replaced. */
  readManifests(
    text: string,
    source: ManifestSource,
  ): Promise<readonly (CheckedManifest | FaultyManifest)[]>;
  readonly clock: Clock;
  /** Its messages carry the plugin's name. */
  readonly logger: Logger;
  /** The plugin's entry in `cluster.plugins`, checked by its schema; frozen. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Registers what gives something back when the session manager stops; the last registered runs first. */
  readonly onClose: (release: () => Promise<void> | void) => void;
}
