import { pathToFileURL } from "node:url";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import type { FlamePlugin } from "./plugin.ts";

/**
 * Imports the module at an absolute path and takes its default export.
 * @throws FlameError invalid_config naming the path and what is wrong with it.
 */
export async function loadPlugin(path: string): Promise<FlamePlugin> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as typeof module;
  } catch (cause) {
    const text = `plugin ${path}: the module can not be loaded: ${textOf(cause)}`;
    throw new FlameError("invalid_config", text, { cause });
  }
  const plugin = module.default;
  if (isPlugin(plugin)) return plugin;
  const text = `plugin ${path}: got a module without one, expected a default export { name, start(host) }`;
  throw new FlameError("invalid_config", text);
}

function isPlugin(value: unknown): value is FlamePlugin {
  if (typeof value !== "object" || value === null) return false;
  const { name, start, optionsSchema } = value as Partial<Record<keyof FlamePlugin, unknown>>;
  const hasSchema =
    optionsSchema === undefined || (typeof optionsSchema === "object" && optionsSchema !== null);
  return typeof name === "string" && name !== "" && typeof start === "function" && hasSchema;
}
