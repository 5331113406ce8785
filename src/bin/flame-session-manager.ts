#!/usr/bin/env node
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import packageFile from "../../package.json" with { type: "json" };
import { readEnv } from "../config/env.ts";
import { flameHome } from "../config/flame-home.ts";
import { loadClusterConfig } from "../config/load-cluster-config.ts";
import { createLogger } from "../config/logging.ts";
import { systemClock } from "../kit/clock.ts";
import { withMetrics } from "../observability/daemon-metrics.ts";
import { configOption, readDaemonArguments } from "../process/daemon-arguments.ts";
import { runDaemon, type StartedDaemon } from "../process/run-daemon.ts";
import { startSessionManager } from "../session-manager/compose.ts";

const name = "flame-session-manager";
const env = readEnv();
const home = flameHome(env);
/** Holds `defaults` and `migrations`: the checkout, or `lib/flame` of a home. */
const installation = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

async function start(path: string | undefined): Promise<StartedDaemon> {
  const logger = createLogger(name, env);
  const config = loadClusterConfig({ path, env });
  for (const warning of config.warnings) logger.warn({ config: config.source }, warning);
  const about = { daemon: name, version: packageFile.version, logger };
  const metrics = { ...about, settings: config.metrics, port: "sessionManagerPort" } as const;
  const manager = await withMetrics(metrics, (registry) =>
    startSessionManager({
      config,
      registry,
      clock: systemClock,
      logger,
      migrationsFolder: join(installation, "migrations", "sqlite"),
      defaultsFolder: join(installation, "defaults"),
      flameHome: home.root,
      onFatal: (error) => {
        // Memory is ahead of the disk and nothing may be answered any more; the restart reads what is on disk.
        logger.error({ error: error.stack }, "stopping at once");
        console.error(`Error: ${error.message}`);
        process.exit(1);
      },
    }),
  );
  logger.info(
    {
      version: packageFile.version,
      config: config.source,
      home: home.root,
      endpoint: config.cluster.endpoint.url,
    },
    "started",
  );
  return { ...manager, endpoint: config.cluster.endpoint.url };
}

const called = readDaemonArguments(
  {
    name,
    version: packageFile.version,
    purpose: "The session manager: registry, sessions, tasks and scheduling of a Flame cluster.",
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
    version: packageFile.version,
    home: home.root,
    start: () => start(called.values["config"]),
    onError: (line) => console.error(line),
  });
}
