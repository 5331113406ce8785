import type { Admission } from "../application-registry/admission.ts";
import type { RegistryHost } from "../application-registry/index.ts";
import type { SourceFaults } from "../application-registry/source-faults.ts";
import type { PluginEntry } from "../config/cluster-config.ts";
import { type Clock, systemClock } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { Releasers } from "../kit/releasers.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { applicationDirectory } from "./application-directory/application-directory.ts";
import { defaultApplications } from "./default-applications.ts";
import { loadPlugin } from "./load-plugin.ts";
import type { FlamePlugin, PluginHost } from "./plugin.ts";
import { checkOptions } from "./plugin-options.ts";

export interface PluginsDeps {
  /** `cluster.plugins`. */
  readonly entries: readonly PluginEntry[];
  readonly registry: RegistryHost;
  readonly admission: Admission;
  readonly faults: SourceFaults;
  readonly logger: Logger;
  /** Folder of the shipped manifests. */
  readonly defaultsFolder: string;
  /** What a leading `${FLAME_HOME}` in a manifest's working_directory becomes; absolute. */
  readonly flameHome: string;
  readonly clock?: Clock;
  /** How long each plugin may take to start, in milliseconds. Default 30000. */
  readonly startDeadlineMs?: number;
}

export interface StartedPlugins {
  /** Their names, in the order in which they were started. */
  readonly names: readonly string[];
  /** Gives back what they registered, last first. */
  close(): Promise<void>;
}

const START_DEADLINE_MS = 30_000;

interface Chosen {
  readonly plugin: FlamePlugin;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Starts the built-in plugins that are not switched off, then the others in the order of `cluster.plugins`.
 * @throws FlameError invalid_config with the name and reason of the first that fails; those before it are closed.
 */
export async function startPlugins(deps: PluginsDeps): Promise<StartedPlugins> {
  const chosen = await choose(deps);
  const releasers = new Releasers();
  // A start that waits for nothing must run into its deadline: without this the process would just end.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  try {
    for (const one of chosen) await startOne(one, releasers, deps);
  } catch (failure) {
    await releasers.close().catch((thrown: unknown) => {
      deps.logger.error(
        { reason: textOf(thrown) },
        "closing the plugins after a failed start failed too",
      );
    });
    throw failure;
  } finally {
    clearInterval(keepAlive);
  }
  return { names: chosen.map(({ plugin }) => plugin.name), close: () => releasers.close() };
}

/** Every name, module and option is looked at before the first plugin starts. */
async function choose(deps: PluginsDeps): Promise<readonly Chosen[]> {
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
    if (!entry.name.startsWith("/")) throw refuseUnknown(entry.name, builtIn);
    if (!entry.enabled) continue;
    const plugin = await loadPlugin(entry.name);
    chosen.push({ plugin, options: await checkOptions(plugin, entry.options) });
  }
  // Files are applied when every plugin that has a say in manifests is there.
  chosen.sort((a, b) => Number(a.plugin === directory) - Number(b.plugin === directory));
  const names = chosen.map(({ plugin }) => plugin.name);
  if (new Set(names).size < names.length) throw refuseTwice(names);
  return chosen;
}

function refuseTwice(names: readonly string[]): FlameError {
  const twice = names.find((name, index) => names.indexOf(name) < index) ?? "";
  const text = `cluster.plugins: got the plugin ${JSON.stringify(twice)} twice, expected each once`;
  return new FlameError("invalid_config", text);
}

function refuseUnknown(name: string, builtIn: readonly FlamePlugin[]): FlameError {
  const known = builtIn.map((plugin) => plugin.name).join(", ");
  const text = `cluster.plugins: got the unknown plugin ${JSON.stringify(name)}, expected a built-in one (${known}) or the path of a module, such as ./my-plugin.js`;
  return new FlameError("invalid_config", text);
}

async function startOne(
  { plugin, options }: Chosen,
  releasers: Releasers,
  deps: PluginsDeps,
): Promise<void> {
  const { name } = plugin;
  const logger = deps.logger.child({ plugin: name });
  const { registry, admission, faults, flameHome, clock = systemClock } = deps;
  const host: PluginHost = {
    applications: registry,
    admission,
    faults,
    clock,
    readManifests: (text, source) => admission.admitText(text, source, { flameHome }),
    logger,
    options,
    onClose: (release) => {
      releasers.add(`the plugin ${name}`, release);
    },
  };
  try {
    await withinDeadline(async () => plugin.start(host), deps);
  } catch (cause) {
    const text = `plugin ${JSON.stringify(name)} failed to start: ${textOf(cause)}`;
    throw new FlameError("invalid_config", text, { cause });
  }
  logger.debug({}, `the plugin ${name} has started`);
}

async function withinDeadline(start: () => Promise<void>, deps: PluginsDeps): Promise<void> {
  const { clock = systemClock, startDeadlineMs = START_DEADLINE_MS } = deps;
  await new Promise<void>((resolve, reject) => {
    const timer = clock.after(startDeadlineMs, () => {
      const text = `got no end of its start within ${startDeadlineMs} ms, expected start(host) to settle`;
      reject(new FlameError("deadline_exceeded", text));
    });
    start()
      .then(resolve, reject)
      .finally(() => {
        timer.cancel();
      });
  });
}
