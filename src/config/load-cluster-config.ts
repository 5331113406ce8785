import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import clusterSchema from "../../schemas/cluster.schema.json" with { type: "json" };
import { deepFreeze, fillDefaults } from "../documents/defaults.ts";
import { checkWith } from "../documents/schema-check.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { buildClusterConfig } from "./cluster-values.ts";
import { type ConfigDocument, noConfigFile, readConfigFile } from "./config-file.ts";
import type { Env } from "./env.ts";
import { flameHome, userFlameFolder } from "./flame-home.ts";
import validate from "./generated/cluster.ts";
import type { RawClusterConfig } from "./generated/raw-cluster-config.ts";

/** Words that files of the published samples write in any case. */
const ANY_CASE = [
  ["cluster", "executors", "shim"],
  ["cache", "eviction", "policy"],
];

const check = checkWith(validate);

/**
 * Loads the daemons' configuration: `path` (of `--config`), else `FLAME_HOME/conf/flame-cluster.yaml`,
 * else `~/.flame/flame-cluster.yaml`, else built-in defaults. FLAME_CACHE_STORAGE comes before `cache.storage`.
 * @throws FlameError invalid_config naming file, line:column, path, got and expected; all schema faults at once.
 */
export function loadClusterConfig(from: {
  readonly path?: string | undefined;
  readonly env: Env;
}): ClusterConfig {
  const document = readDocument(from.path, from.env);
  // Of the type that scripts/generate-config-types.mjs makes of the same schema.
  const filled = fillDefaults(clusterSchema, document.value) as RawClusterConfig;
  return deepFreeze(buildClusterConfig(filled, document, from.env));
}

function readDocument(path: string | undefined, env: Env): ConfigDocument {
  const places = [flameHome(env).clusterConfig, join(userFlameFolder(env), "flame-cluster.yaml")];
  const file = path === undefined ? places.find((place) => existsSync(place)) : resolve(path);
  if (file === undefined) return noConfigFile();
  return readConfigFile(file, check, ANY_CASE);
}
