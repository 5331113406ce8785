import { join } from "node:path";
import type { PluginEntry } from "../config/cluster-config.ts";
import { FlameError } from "../model/errors.ts";
import { applicationDirectory } from "./application-directory/application-directory.ts";
import { defaultApplications } from "./default-applications.ts";
import { loadPlugin } from "./load-plugin.ts";
import type { FlamePlugin } from "./plugin.ts";
import { checkOptions } from "./plugin-options.ts";
import { resolvePackage } from "./resolve-plugin.ts";
import { type StartDeadline, withinDeadline } from "./start-deadline.ts";

export interface ChoiceDeps extends StartDeadline {
  /** `cluster.plugins`. */
  readonly entries: readonly PluginEntry[];
  /** Folder of the shipped manifests. */
  readonly defaultsFolder: string;
  /** What a leading `${FLAME_HOME}` in a manifest's working_directory becomes; absolute. */
  readonly flameHome: string;
  /** The configuration file's folder: beside `flameHome` a place of `node_modules` with packages of plugins. */
  readonly configFolder?: string;
}

/** A plugin that is to be started, and its checked options. */
export interface Chosen {
  readonly plugin: FlamePlugin;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Every name, module and option is looked at before the first plugin starts. */
export async function choosePlugins(deps: ChoiceDeps): Promise<readonly Chosen[]> {
  const directory = applicationDirectory(deps.flameHome);
  const builtIn = [defaultApplications(deps.defaultsFolder), directory];
  const entries = new Map(deps.entries.map((entry) => [entry.name, entry]));
  if (entries.size < deps.entries.length)
    throw refuseTwice(deps.entries.map((entry) => entry.name));
  const chosen: Chosen[] = [];
  for (const plugin of builtIn) {
    const entry = entries.get(plugin.name);
    entries.delete(plugin.name);
    if (entry?.enabled === false) {
      deps.logger.info(
        { plugin: plugin.name },
        `the plugin ${plugin.name} is switched off by cluster.plugins`,
      );
    } else {
      chosen.push({ plugin, options: await checkOptions(plugin, entry?.options ?? {}) });
    }
  }
  for (const entry of entries.values()) {
    const module = moduleOf(entry.name, builtIn, deps);
    if (!entry.enabled) continue;
    const plugin = await loaded(module, deps);
    chosen.push({ plugin, options: await checkOptions(plugin, entry.options) });
  }
  // Files are applied when every plugin that has a say in manifests is there.
  chosen.sort((a, b) => Number(a.plugin === directory) - Number(b.plugin === directory));
  const names = chosen.map(({ plugin }) => plugin.name);
  if (new Set(names).size < names.length) throw refuseTwice(names);
  return chosen;
}

/** A module whose own `await` never ends would keep the start waiting forever. */
async function loaded(module: string, deps: ChoiceDeps): Promise<FlamePlugin> {
  try {
    const step = { plugin: module, what: "the loading of its module" };
    return await withinDeadline(step, () => loadPlugin(module), deps);
  } catch (cause) {
    if (!(cause instanceof FlameError) || cause.code !== "deadline_exceeded") throw cause;
    throw new FlameError("invalid_config", `plugin ${module}: ${cause.message}`, { cause });
  }
}

function refuseTwice(names: readonly string[]): FlameError {
  const twice = names.find((name, index) => names.indexOf(name) < index) ?? "";
  const text = `cluster.plugins: got the plugin ${JSON.stringify(twice)} twice, expected each once`;
  return new FlameError("invalid_config", text);
}

/** @throws FlameError invalid_config when nothing of that name is there */
function moduleOf(name: string, builtIn: readonly FlamePlugin[], deps: ChoiceDeps): string {
  if (name.startsWith("/")) return name;
  const { configFolder, flameHome } = deps;
  const folders = configFolder === undefined ? [flameHome] : [configFolder, flameHome];
  const module = resolvePackage(name, folders);
  if (module !== undefined) return module;
  const known = builtIn.map((plugin) => plugin.name).join(", ");
  const places = folders.map((folder) => join(folder, "node_modules")).join(" or ");
  const text = `cluster.plugins: got the unknown plugin ${JSON.stringify(name)}, expected a built-in one (${known}), the path of a module, such as ./my-plugin.js, or a package that is installed in ${places}`;
  throw new FlameError("invalid_config", text);
}
