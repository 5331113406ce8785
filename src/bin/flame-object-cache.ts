#!/usr/bin/env node
import packageFile from "../../package.json" with { type: "json" };
import { readEnv } from "../config/env.ts";
import { flameHome } from "../config/flame-home.ts";
import { loadClusterConfig } from "../config/load-cluster-config.ts";
import { createLogger } from "../config/logging.ts";
import { type RunningObjectCache, startObjectCache } from "../object-cache/compose.ts";
import { withMetrics } from "../observability/daemon-metrics.ts";
import { configOption, readDaemonArguments } from "../process/daemon-arguments.ts";
import { runDaemon } from "../process/run-daemon.ts";

const name = "flame-object-cache";
const { version } = packageFile;
const env = readEnv();
const home = flameHome(env).root;

async function start(path: string | undefined): Promise<RunningObjectCache> {
  const logger = createLogger(name, env);
  const config = loadClusterConfig({ path, env });
  for (const warning of config.warnings) logger.warn({ config: config.source }, warning);
  const metrics = { daemon: name, version, logger, settings: config.metrics } as const;
  return await withMetrics({ ...metrics, port: "objectCachePort" }, (registry) =>
    startObjectCache({ config, home, logger, registry }),
  );
}

const called = readDaemonArguments(
  {
    name,
    version,
    purpose: "The object cache of a Flame cluster: large objects over Arrow Flight.",
    options: [configOption],
  },
  process.argv.slice(2),
);
if ("stderr" in called) {
  console.error(called.stderr);
  process.exitCode = called.exitCode;
} else if ("stdout" in called) {
  console.log(called.stdout);
} else {
  process.exitCode = await runDaemon({
    name,
    version,
    home,
    start: () => start(called.values["config"]),
    onError: (line) => console.error(line),
  });
}
