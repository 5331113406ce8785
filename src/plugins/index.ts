export { startPlugins } from "./start-plugins.ts";
