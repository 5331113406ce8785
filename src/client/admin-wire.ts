import type { ViewClusterResponse } from "../protocol/generated/flame/admin/v1/admin.ts";
import type { ClusterInfo } from "./types.ts";
import { required } from "./wire.ts";

export function decodeCluster(response: ViewClusterResponse): ClusterInfo {
  const { kind, file, bytes } = required(response.storage, "ViewClusterResponse.storage");
  return {
    name: response.name,
    version: response.version,
    startTime: new Date(Number(response.startTime)),
    storage: { kind, bytes: Number(bytes), ...(file === undefined ? {} : { file }) },
    counts: response.counts.map((entry) => ({ ...entry, count: Number(entry.count) })),
    queues: response.queues.map(({ name, size }) => ({ name, size: Number(size) })),
    nodes: response.nodes.map(({ name, state, version }) => ({
      name,
      state,
      ...(version === undefined ? {} : { version }),
    })),
  };
}
