#!/usr/bin/env node
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import packageFile from "../../package.json" with { type: "json" };
import { loadClusterConfig } from "../config/cluster-config.ts";
import { readEnv } from "../config/env.ts";
import { flameHome } from "../config/flame-home.ts";
import { createLogger } from "../config/logging.ts";
import { systemClock } from "../kit/clock.ts";
import { withMetrics } from "../observability/daemon-metrics.ts";
import { runDaemon, type StartedDaemon } from "../process/run-daemon.ts";
import { startSessionManager } from "../session-manager/compose.ts";

const name = "flame-session-manager";
const usage = `usage: ${name} [--config FILE] [--version]`;
const env = readEnv();
const home = flameHome(env);
/** Holds `defaults` and `migrations`: the checkout, or `lib/flame` of a home. */
const installation = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

function readArguments(): { config?: string; version?: boolean } | undefined {
  try {
    return parseArgs({ options: { config: { type: "string" }, version: { type: "boolean" } } })
      .values;
  } catch {
    return undefined;
  }
}

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
        console.error(`Error: Internal(${JSON.stringify(error.message)})`);
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
    start: () => start(values.config),
    onError: (line) => console.error(line),
  });
}
