#!/usr/bin/env node
import { parseArgs } from "node:util";
import packageFile from "../../package.json" with { type: "json" };
import { loadClusterConfig } from "../config/cluster-config.ts";
import { readEnv } from "../config/env.ts";
import { flameHome } from "../config/flame-home.ts";
import { createLogger } from "../config/logging.ts";
import { type RunningObjectCache, startObjectCache } from "../object-cache/compose.ts";
import { withMetrics } from "../observability/daemon-metrics.ts";
import { runDaemon } from "../process/run-daemon.ts";

const name = "flame-object-cache";
const { version } = packageFile;
const env = readEnv();

function readArguments(): { config?: string; version?: boolean } | undefined {
  try {
    const options = { config: { type: "string" }, version: { type: "boolean" } } as const;
    return parseArgs({ options }).values;
  } catch {
    return undefined;
  }
}

async function start(path: string | undefined): Promise<RunningObjectCache> {
  const logger = createLogger(name, env);
  const config = loadClusterConfig({ path, env });
  for (const warning of config.warnings) logger.warn({ config: config.source }, warning);
  const metrics = { daemon: name, version, logger, settings: config.metrics } as const;
  return await withMetrics({ ...metrics, port: "objectCachePort" }, (registry) =>
    startObjectCache({ config, logger, registry }),
  );
}

const values = readArguments();
if (values === undefined) {
  console.error(`usage: ${name} [--config FILE] [--version]`);
  process.exitCode = 2;
} else if (values.version === true) {
  console.log(`${name} ${version}`);
} else {
  process.exitCode = await runDaemon({
    name,
    version,
    home: flameHome(env).root,
    start: () => start(values.config),
    onError: (line) => console.error(line),
  });
}
