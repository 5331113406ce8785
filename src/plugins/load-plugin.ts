import { pathToFileURL } from "node:url";
import { gotText } from "../documents/fault.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import type { FlamePlugin, HooksContext, PluginHooks } from "./plugin.ts";
import type * as api from "./plugin-api.ts";
import { publishedHost } from "./published-host.ts";

/** The versions of the published interface that this session manager offers. */
const API_VERSION: api.PluginApiVersion = 1;
const NAME = /^[\w@./-]{1,64}$/;

/**
 * Imports the module at an absolute path and takes its default export.
 * @throws FlameError invalid_config naming the path and what is wrong with it.
 */
export async function loadPlugin(path: string): Promise<FlamePlugin> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as typeof module;
  } catch (cause) {
    const text = `plugin ${path}: the module cannot be loaded: ${textOf(cause)}`;
    throw new FlameError("invalid_config", text, { cause });
  }
  const wrong = wrongWith(module.default);
  if (wrong !== undefined) throw new FlameError("invalid_config", `plugin ${path}: ${wrong}`);
  return fromPublished(module.default as api.FlamePlugin);
}

function wrongWith(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) {
    return "got a module without one, expected a default export { name, apiVersion: 1, hooks(context)?, start(host)? }";
  }
  const { name, apiVersion, optionsSchema, hooks, start } = value as Partial<
    Record<keyof api.FlamePlugin, unknown>
  >;
  if (typeof name !== "string" || !NAME.test(name)) {
    return `name: got ${gotText(name)}, expected 1 to 64 letters, digits or any of - _ . / @`;
  }
  if (apiVersion !== API_VERSION) {
    return `apiVersion: got ${gotText(apiVersion)}, expected ${API_VERSION}, the version of the plugin interface that this session manager offers`;
  }
  if (
    optionsSchema !== undefined &&
    (typeof optionsSchema !== "object" || optionsSchema === null)
  ) {
    return `optionsSchema: got ${gotText(optionsSchema)}, expected a JSON Schema`;
  }
  for (const [key, part] of Object.entries({ hooks, start })) {
    if (part !== undefined && typeof part !== "function") {
      return `${key}: got ${gotText(part)}, expected a function`;
    }
  }
  return hooks === undefined && start === undefined
    ? "got neither, expected hooks(context), start(host) or both"
    : undefined;
}

/** A misspelt hook would be none, and let everything through. */
function readHooks(name: string, hooks: api.PluginHooks | undefined): PluginHooks {
  const known = ["mutate", "validate"];
  const given: unknown = hooks;
  if (typeof given !== "object" || given === null) {
    const text = `plugin ${JSON.stringify(name)}: hooks(context) gave ${gotText(given)}, expected { mutate?, validate? }`;
    throw new FlameError("invalid_config", text);
  }
  for (const [key, hook] of Object.entries(given)) {
    if (known.includes(key) && typeof hook === "function") continue;
    const what = known.includes(key) ? gotText(hook) : "an unknown hook";
    const text = `plugin ${JSON.stringify(name)}: hooks(context) gave ${key}: got ${what}, expected the functions mutate and validate, or one of them`;
    throw new FlameError("invalid_config", text);
  }
  return hooks ?? {};
}

/** What a module exports, as the host starts plugins. */
function fromPublished(plugin: api.FlamePlugin): FlamePlugin {
  const { name, optionsSchema } = plugin;
  return {
    name,
    ...(optionsSchema !== undefined && { optionsSchema }),
    ...(plugin.hooks !== undefined && {
      hooks: async (context: HooksContext) => readHooks(name, await plugin.hooks?.(context)),
    }),
    start: async (host) => {
      await plugin.start?.(publishedHost(name, host));
    },
  };
}
