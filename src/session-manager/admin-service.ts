import packageFile from "../../package.json" with { type: "json" };
import type { ClusterConfig } from "../config/cluster-config.ts";
import type { Clock } from "../kit/clock.ts";
import type { AdminServer } from "../protocol/generated/flame/admin/v1/admin.ts";
import { unary } from "./call-helpers.ts";
import { clusterFacts } from "./cluster-facts.ts";
import type { Engine } from "./engine.ts";
import { readLogs } from "./log-calls.ts";
import type { NodeNotes } from "./node-notes.ts";

export interface AdminDeps {
  readonly config: ClusterConfig;
  readonly engine: Engine;
  readonly notes: NodeNotes;
  readonly clock: Clock;
  readonly flameHome: string;
}

/** `flame.admin.v1.Admin`: what operators ask. */
export function adminService(deps: AdminDeps): AdminServer {
  const { config, engine, notes, clock } = deps;
  const { version } = packageFile;
  const startTime = clock.now();
  return {
    viewCluster: unary(() => clusterFacts({ config, engine, notes, version, startTime })),
    readLogs: readLogs(deps),
  };
}
