import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ClusterConfig } from "../../config/cluster-config.ts";
import { hostText } from "../../config/endpoint.ts";

/** The daemons of one machine. */
export const daemonNames = [
  "flame-object-cache",
  "flame-session-manager",
  "flame-executor-manager",
] as const;

export type DaemonName = (typeof daemonNames)[number];

/** How to start a program: FLAME_HOME/bin first, else the built file beside the running program. */
export function daemonCommand(
  name: DaemonName,
  from: { readonly bin: string; readonly programsFolder: string },
): { command: string; args: string[] } {
  const launcher = join(from.bin, name);
  if (existsSync(launcher)) return { command: launcher, args: [] };
  const file = join(from.programsFolder, `${name}.js`);
  return { command: process.execPath, args: ["--enable-source-maps", file] };
}

/** Something that a daemon listens on. */
export interface Listener {
  readonly what: string;
  readonly host: string;
  readonly port: number;
  /** The configuration key that moves it. */
  readonly key: string;
}

/** Every address that the daemons of this configuration will listen on. */
export function listeners({ cluster, cache }: ClusterConfig): readonly Listener[] {
  const { endpoint, listenHost: host } = cluster;
  const key = "cluster.endpoint";
  return [
    { what: "session manager", host, port: endpoint.port, key },
    { what: "session manager's nodes", host, port: endpoint.port + 1, key },
    {
      what: "object cache",
      host: cache.listenHost,
      port: cache.endpoint.port,
      key: "cache.endpoint",
    },
  ];
}

/** `127.0.0.1:8080`. */
export function addressText({ host, port }: Listener): string {
  return `${hostText(host)}:${port}`;
}
