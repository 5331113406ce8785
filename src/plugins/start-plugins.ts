import type { Admission } from "../application-registry/admission.ts";
import type { RegistryHost } from "../application-registry/index.ts";
import type { SourceFaults } from "../application-registry/source-faults.ts";
import { systemClock } from "../kit/clock.ts";
import { Releasers } from "../kit/releasers.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { type ChoiceDeps, type Chosen, choosePlugins } from "./choose-plugins.ts";
import { guardedRegistry } from "./guarded-registry.ts";
import type { HooksContext, PluginHost } from "./plugin.ts";
import { type StartDeadline, withinDeadline } from "./start-deadline.ts";

export interface PluginsDeps extends ChoiceDeps, StartDeadline {
  readonly registry: RegistryHost;
  readonly admission: Admission;
  readonly faults: SourceFaults;
}

export interface StartedPlugins {
  /** Their names, in the order in which they were started. */
  readonly names: readonly string[];
  /** Gives back what they registered, last first. */
  close(): Promise<void>;
}

/**
 * Asks every plugin for its hooks, in the order of `cluster.plugins`, then starts them: the default applications, the
 * others, and the files of the directory last.
 * @throws FlameError invalid_config with the name and reason of the first that fails; those before it are closed.
 */
export async function startPlugins(deps: PluginsDeps): Promise<StartedPlugins> {
  const releasers = new Releasers();
  // A start that waits for nothing must run into its deadline: without this the process would just end.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  let chosen: readonly Chosen[];
  try {
    chosen = await choosePlugins(deps);
    for (const one of chosen) await addHooks(one, releasers, deps);
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

function contextOf(
  { plugin, options }: Chosen,
  releasers: Releasers,
  deps: PluginsDeps,
): HooksContext {
  const { name } = plugin;
  const logger = deps.logger.child({ plugin: name });
  const onClose: HooksContext["onClose"] = (release) => {
    releasers.add(`the plugin ${name}`, release);
  };
  return { options, logger, onClose };
}

async function addHooks(one: Chosen, releasers: Releasers, deps: PluginsDeps): Promise<void> {
  const { plugin } = one;
  const context = contextOf(one, releasers, deps);
  const hooks = await settled(
    one,
    "hooks(context)",
    deps,
    async () => plugin.hooks?.(context) ?? {},
  );
  deps.admission.addHooks({ plugin: plugin.name, ...hooks });
}

async function startOne(one: Chosen, releasers: Releasers, deps: PluginsDeps): Promise<void> {
  const { plugin } = one;
  const { registry, admission, faults, flameHome, clock = systemClock } = deps;
  const context = contextOf(one, releasers, deps);
  const host: PluginHost = {
    ...context,
    applications: guardedRegistry(registry, context.logger),
    admission,
    faults,
    clock,
    readManifests: (text, source) => admission.admitText(text, source, { flameHome }),
  };
  await settled(one, "start(host)", deps, async () => plugin.start(host));
  context.logger.debug({}, `the plugin ${plugin.name} has started`);
}

/** @throws FlameError invalid_config with the plugin's name and reason */
async function settled<T>(
  { plugin }: Chosen,
  what: string,
  deps: PluginsDeps,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await withinDeadline({ plugin: plugin.name, what }, run, deps);
  } catch (cause) {
    const text = `plugin ${JSON.stringify(plugin.name)} failed to start: ${textOf(cause)}`;
    throw new FlameError("invalid_config", text, { cause });
  }
}
