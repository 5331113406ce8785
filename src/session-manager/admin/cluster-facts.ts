import { stat } from "node:fs/promises";
import type { ClusterConfig } from "../../config/cluster-config.ts";
import type { ClusterStorage } from "../../config/storage-url.ts";
import type { CommandKind } from "../../core/commands.ts";
import type {
  Count,
  Queue,
  Storage,
  ViewClusterResponse,
} from "../../protocol/generated/flame/admin/v1/admin.ts";
import type { Engine } from "../engine/engine.ts";
import type { StorageGuard } from "../storage/storage-guard.ts";

/** What is told of a cluster from outside: docs/protocol.md, "Administration". */
export interface ClusterFactsDeps {
  readonly config: ClusterConfig;
  readonly engine: Engine;
  readonly guard: StorageGuard;
  /** Of the session manager. */
  readonly version: string;
  /** Unix milliseconds. */
  readonly startTime: number;
}

/** The calls that wait inside the machine for something to happen, by what they are called outside. */
const waitingCalls: readonly (readonly [name: string, kind: CommandKind])[] = [
  ["executors that wait for a session", "executor.bind"],
  ["executors that wait for a task", "executor.launch"],
  ["node streams", "node.watch"],
  ["task watchers", "task.watch"],
];

/** Counts everything once; reads the machine, changes nothing. */
export async function clusterFacts(deps: ClusterFactsDeps): Promise<ViewClusterResponse> {
  const { config, engine, guard, version, startTime } = deps;
  const { load, state } = engine;
  const [executors, nodes] = await Promise.all([
    engine.ask("executor.list", {}),
    engine.ask("node.list", {}),
  ]);
  const tasks = state.sessions.taskCounts();
  const one = ({ state }: { readonly state: string }): readonly [string, number] => [state, 1];
  return {
    name: config.cluster.name,
    version,
    startTime: BigInt(startTime),
    storage: await storageFacts(config.cluster.storage, guard),
    counts: [
      ...counted("applications", state.applications.list().map(one)),
      ...counted("executors", executors.map(one)),
      ...counted("nodes", nodes.map(one)),
      ...counted("sessions", [
        ["Open", state.sessions.open().size],
        ["Closed", state.sessions.closedCount],
      ]),
      ...counted("tasks", [
        ["Pending", tasks.pending],
        ["Running", tasks.running],
        ["Succeed", tasks.succeed],
        ["Failed", tasks.failed],
        ["Cancelled", tasks.cancelled],
      ]),
    ],
    queues: queues(load, tasks.pending),
    nodes: nodes
      .map((node) => ({
        name: node.name,
        state: node.state,
        version: state.nodes.find(node.name)?.version,
      }))
      .sort(byName),
  };
}

function queues({ queued, waiting }: Engine["load"], pending: number): Queue[] {
  return [
    { name: "commands that wait for their turn", size: BigInt(queued) },
    ...waitingCalls.map(([name, kind]) => ({ name, size: BigInt(waiting.get(kind) ?? 0) })),
    { name: "tasks that wait for an executor", size: BigInt(pending) },
  ].sort(byName);
}

function counted(what: string, entries: readonly (readonly [string, number])[]): Count[] {
  const counts = new Map<string, number>();
  for (const [state, count] of entries) counts.set(state, (counts.get(state) ?? 0) + count);
  return [...counts]
    .filter(([, count]) => count > 0)
    .map(([state, count]) => ({ what, state, count: BigInt(count) }))
    .sort((a, b) => (a.state < b.state ? -1 : 1));
}

async function storageFacts(storage: ClusterStorage, guard: StorageGuard): Promise<Storage> {
  const { full, room } = await guard.condition();
  const freeBytes = room && BigInt(room.freeBytes);
  if (storage.kind === "memory")
    return { kind: "memory", file: undefined, bytes: 0n, full, freeBytes };
  // The write-ahead log is part of the database until it is folded in.
  const sizes = await Promise.all([storage.file, `${storage.file}-wal`].map(fileBytes));
  const bytes = BigInt(sizes.reduce((sum, size) => sum + size, 0));
  return { kind: "sqlite", file: storage.file, bytes, full, freeBytes };
}

async function fileBytes(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1;
