import { join } from "node:path";
import type { Registry } from "prom-client";
import type { AuditConfig } from "../config/cluster-config.ts";
import { flameHomeAt } from "../config/flame-home.ts";
import type { Clock } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import type { Releasers } from "../kit/releasers.ts";
import { AuditLog } from "./audit-log.ts";
import { auditMeter } from "./audit-metrics.ts";

export interface AuditLogPlace {
  /** FLAME_HOME. */
  readonly home: string;
  /** Such as `session-manager`: the name of the file. */
  readonly daemon: string;
  readonly config: AuditConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry | undefined;
}

/** The file of a daemon's audit log. */
export const auditFile = (home: string, daemon: string): string =>
  join(flameHomeAt(home).audit, `${daemon}.jsonl`);

/**
 * The audit log of a daemon, which `releasers` closes. Nothing is made on the disk before its first line.
 * @returns undefined when the configuration wants none
 */
export function openAuditLog(place: AuditLogPlace, releasers: Releasers): AuditLog | undefined {
  const { home, daemon, config, clock, logger, registry } = place;
  const { enabled, fileBytesMax, filesMax } = config;
  if (!enabled) return undefined;
  const log = new AuditLog(
    { clock, logger, ...(registry !== undefined && { meter: auditMeter(registry) }) },
    { file: auditFile(home, daemon), fileBytesMax, filesMax },
  );
  releasers.add("the audit log", () => log.close());
  return log;
}
