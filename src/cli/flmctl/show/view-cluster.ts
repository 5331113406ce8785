import type { ClusterInfo } from "../../../client/index.ts";
import { formatMemory } from "../../../model/resources.ts";
import { labelled, listed } from "../../output/details.ts";
import { timestamp, unixSeconds } from "../../output/times.ts";
import { version } from "../../version.ts";

/** A cluster as `view cluster` prints it. */
export function clusterDetails(cluster: ClusterInfo): string {
  const { storage } = cluster;
  return [
    labelled("Cluster", cluster.name),
    listed("Versions", [`session manager ${cluster.version}`, `flmctl ${version}`], "  "),
    labelled("Serving since", timestamp(cluster.startTime)),
    labelled("Storage", storage.file === undefined ? storage.kind : storageText(storage)),
    listed("Nodes", cluster.nodes.map(nodeText), "  "),
    listed("Counts", countLines(cluster.counts), "  "),
    listed(
      "Queues",
      cluster.queues.map(({ name, size }) => `${size} ${name}`),
      "  ",
    ),
  ].join("");
}

/** The same for `-o json` and `-o yaml`. */
export function clusterDocument(cluster: ClusterInfo): object {
  const counts: Record<string, Record<string, number>> = {};
  for (const { what, state, count } of cluster.counts) {
    counts[what] = { ...counts[what], [state]: count };
  }
  return {
    name: cluster.name,
    versions: { session_manager: cluster.version, flmctl: version },
    start_time: unixSeconds(cluster.startTime),
    storage: storageDocument(cluster.storage),
    nodes: cluster.nodes.map((node) => ({ ...node, version: node.version ?? null })),
    counts,
    queues: Object.fromEntries(
      cluster.queues.map(({ name, size }) => [name.replaceAll(" ", "_"), size]),
    ),
  };
}

function storageText({ kind, file, bytes, freeBytes, full }: ClusterInfo["storage"]): string {
  const free = freeBytes === undefined ? "" : `, ${formatMemory(freeBytes)} free`;
  return `${kind} ${file ?? ""} (${formatMemory(bytes)}${free})${full === undefined ? "" : `; ${full}`}`;
}

function storageDocument({ kind, file, bytes, freeBytes, full }: ClusterInfo["storage"]): object {
  return { kind, bytes, file: file ?? null, free_bytes: freeBytes ?? null, full: full ?? null };
}

function nodeText({ name, state, version: own }: ClusterInfo["nodes"][number]): string {
  return own === undefined ? `${name} ${state}` : `${name} ${state}, executor manager ${own}`;
}

/** `sessions: 2 Open, 7 Closed`. */
function countLines(counts: ClusterInfo["counts"]): string[] {
  const byWhat = new Map<string, string[]>();
  for (const { what, state, count } of counts) {
    byWhat.set(what, [...(byWhat.get(what) ?? []), `${count} ${state}`]);
  }
  return [...byWhat].map(([what, parts]) => `${what}: ${parts.join(", ")}`);
}
