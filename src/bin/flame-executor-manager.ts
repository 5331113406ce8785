#!/usr/bin/env node
import { parseArgs } from "node:util";
import packageFile from "../../package.json" with { type: "json" };
import { loadClusterConfig } from "../config/cluster-config.ts";
import { readEnv } from "../config/env.ts";
import { flameHome } from "../config/flame-home.ts";
import { createLogger } from "../config/logging.ts";
import { startExecutorManager } from "../executor-manager/compose.ts";
import { systemClock } from "../kit/clock.ts";
import { withMetrics } from "../observability/daemon-metrics.ts";
import { runDaemon, type StartedDaemon } from "../process/run-daemon.ts";

const name = "flame-executor-manager";
const usage = `usage: ${name} [--config FILE] [--node-name NAME] [--version]`;
const env = readEnv();
const home = flameHome(env);

function readArguments(): { config?: string; "node-name"?: string; version?: boolean } | undefined {
  try {
    const text = { type: "string" } as const;
    const options = { config: text, "node-name": text, version: { type: "boolean" } } as const;
    return parseArgs({ options }).values;
  } catch {
    return undefined;
  }
}

async function start(
  path: string | undefined,
  nodeName: string | undefined,
): Promise<StartedDaemon> {
  const logger = createLogger(name, env);
  const config = loadClusterConfig({ path, env });
  for (const warning of config.warnings) logger.warn({ config: config.source }, warning);
  const options = { config, home, env, logger, clock: systemClock };
  const about = { daemon: name, version: packageFile.version, logger };
  const metrics = { ...about, settings: config.metrics, port: "executorManagerPort" } as const;
  const manager = await withMetrics(metrics, (registry) =>
    startExecutorManager({ ...options, registry, ...(nodeName !== undefined && { nodeName }) }),
  );
  const { target } = manager;
  logger.info(
    {
      version: packageFile.version,
      config: config.source,
      home: home.root,
      node: manager.nodeName,
      target,
    },
    "started",
  );
  return { ...manager, endpoint: target };
}

const values = readArguments();
if (values === undefined) {
  console.error(usage);
  process.exitCode = 2;
} else if (values.version === true) {
  console.log(`${name} ${packageFile.version}`);
} else {
  process.exitCode = await runDaemon({
    name,
    version: packageFile.version,
    home: home.root,
    start: () => start(values.config, values["node-name"]),
    onError: (line) => console.error(line),
  });
}
