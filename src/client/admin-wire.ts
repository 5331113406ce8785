import type {
  ReadLogsResponse,
  ViewClusterResponse,
} from "../protocol/generated/flame/admin/v1/admin.ts";
import type { ClusterInfo, LogEntry } from "./types.ts";
import { required } from "./wire.ts";

export function decodeCluster(response: ViewClusterResponse): ClusterInfo {
  const { kind, file, bytes, full, freeBytes } = required(
    response.storage,
    "ViewClusterResponse.storage",
  );
  return {
    name: response.name,
    version: response.version,
    startTime: new Date(Number(response.startTime)),
    storage: {
      kind,
      bytes: Number(bytes),
      ...(file === undefined ? {} : { file }),
      ...(full === undefined ? {} : { full }),
      ...(freeBytes === undefined ? {} : { freeBytes: Number(freeBytes) }),
    },
    counts: response.counts.map((entry) => ({ ...entry, count: Number(entry.count) })),
    queues: response.queues.map(({ name, size }) => ({ name, size: Number(size) })),
    nodes: response.nodes.map(({ name, state, version }) => ({
      name,
      state,
      ...(version === undefined ? {} : { version }),
    })),
  };
}

/** None for a kind of entry that a later server may send. */
export function decodeLogEntry({ what }: ReadLogsResponse): LogEntry[] {
  if (what === undefined) return [];
  if (what.$case === "notice") return [{ kind: "notice", text: what.value }];
  const { executorId, stream, taskId, data } = what.value;
  return [
    {
      kind: "output",
      executorId,
      stream: stream === "err" ? "err" : "out",
      ...(taskId === undefined ? {} : { taskId }),
      data,
    },
  ];
}
