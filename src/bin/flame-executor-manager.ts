#!/usr/bin/env node
import packageFile from "../../package.json" with { type: "json" };
import { readEnv } from "../config/env.ts";
import { flameHome } from "../config/flame-home.ts";
import { loadClusterConfig } from "../config/load-cluster-config.ts";
import { createLogger } from "../config/logging.ts";
import { startExecutorManager } from "../executor-manager/compose.ts";
import { systemClock } from "../kit/clock.ts";
import { withMetrics } from "../observability/daemon-metrics.ts";
import { configOption, readDaemonArguments } from "../process/daemon-arguments.ts";
import { runDaemon, type StartedDaemon } from "../process/run-daemon.ts";

const name = "flame-executor-manager";
const env = readEnv();
const home = flameHome(env);

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

const called = readDaemonArguments(
  {
    name,
    version: packageFile.version,
    purpose:
      "The executor manager of one node of a Flame cluster: installs packages, starts and stops services.",
    options: [
      configOption,
      { name: "node-name", value: "NAME", help: "the name of this node (default: the host's)" },
    ],
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
    version: packageFile.version,
    home: home.root,
    start: () => start(called.values["config"], called.values["node-name"]),
    onError: (line) => console.error(line),
  });
}
