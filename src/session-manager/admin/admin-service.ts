import { tmpdir } from "node:os";
import { dirname } from "node:path";
import packageFile from "../../../package.json" with { type: "json" };
import type { AuditLog } from "../../audit/audit-log.ts";
import type { ClusterConfig } from "../../config/cluster-config.ts";
import type { Clock } from "../../kit/clock.ts";
import type { AdminServer } from "../../protocol/generated/flame/admin/v1/admin.ts";
import type { Store } from "../../storage/store.ts";
import type { NodeNotes } from "../backend/node-notes.ts";
import { doorOf, unary } from "../calls/call-helpers.ts";
import type { Engine } from "../engine/engine.ts";
import { readLogs } from "../logs/log-calls.ts";
import type { NodeLogs } from "../logs/node-logs.ts";
import type { StorageGuard } from "../storage/storage-guard.ts";
import { readAudit } from "./audit-calls.ts";
import { backup } from "./backup-calls.ts";
import { clusterFacts } from "./cluster-facts.ts";

export interface AdminDeps {
  readonly config: ClusterConfig;
  readonly engine: Engine;
  readonly guard: StorageGuard;
  readonly notes: NodeNotes;
  readonly logs: NodeLogs;
  readonly clock: Clock;
  readonly store: Store;
  readonly flameHome: string;
  /** Absent: none is written. */
  readonly audit: AuditLog | undefined;
}

/** `flame.admin.v1.Admin`: what operators ask. */
export function adminService(deps: AdminDeps): AdminServer {
  const { config, engine, guard, clock, store } = deps;
  const { version } = packageFile;
  const startTime = clock.now();
  return {
    viewCluster: unary(() => clusterFacts({ config, engine, guard, version, startTime })),
    readLogs: readLogs(deps),
    releaseNode: unary(async ({ name }, call) => {
      await doorOf(engine, call).ask("node.free", { name });
      return {};
    }),
    readAudit: readAudit(deps),
    backup: backup({ store, folder: besideDatabase(config) }),
  };
}

/** Where there is room for another copy of the database. */
function besideDatabase({ cluster: { storage } }: ClusterConfig): string {
  return storage.kind === "sqlite" ? dirname(storage.file) : tmpdir();
}
