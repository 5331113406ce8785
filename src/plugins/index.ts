export type { FlamePlugin, PluginHost } from "./plugin.ts";
export { type PluginsDeps, type StartedPlugins, startPlugins } from "./start-plugins.ts";
