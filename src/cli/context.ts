import { FlameClient } from "../client/index.ts";
import { ObjectClient } from "../client/objects.ts";
import { loadClientConfig } from "../config/client-config.ts";
import type { Env } from "../config/env.ts";
import { type Clock, systemClock } from "../kit/clock.ts";
import type { Terminal } from "./output/terminal.ts";
import { putOffNotice } from "./put-off-notice.ts";

/** What a command may ask of a cluster. */
export type Cluster = Pick<FlameClient, Exclude<keyof FlameClient, symbol>>;

/** The object cache that the configuration names. */
export interface CacheAccess {
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT`. */
  readonly endpoint: string;
  /** The caller closes it. */
  readonly objects: Pick<ObjectClient, "upload" | "delete" | "close">;
}

/** Everything that a tool touches outside itself. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly env: Env;
  readonly clock: Clock;
  /** Standard input. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** Ends what goes on until somebody ends it (`--watch`). Absent: the end of the process does. */
  readonly stop?: AbortSignal;
  /** A client of the cluster that the configuration names; the caller closes it. */
  readonly connect: (configFile: string | undefined) => Cluster;
  readonly openCache: (configFile: string | undefined) => CacheAccess;
}

/** The context of a real run: configuration from file and environment. */
export function processContext(from: { terminal: Terminal; env: Env }): CliContext {
  return {
    ...from,
    clock: systemClock,
    stdin: () => process.stdin,
    connect: (configFile) => {
      const config = loadClientConfig({ path: configFile, env: from.env });
      return new FlameClient({
        endpoint: config.endpoint.url,
        ...config.credentials,
        taskStreams: config.taskStreams,
        onPutOff: putOffNotice(from.terminal, systemClock),
      });
    },
    openCache: (configFile) => {
      const config = loadClientConfig({ path: configFile, env: from.env });
      const endpoint = config.cacheEndpoint.url;
      return { endpoint, objects: new ObjectClient({ endpoint, ...config.cacheCredentials }) };
    },
  };
}

/** Runs `action` with a client and closes it, whatever happens. */
export async function withCluster<T>(
  context: CliContext,
  configFile: string | undefined,
  action: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = context.connect(configFile);
  try {
    return await action(cluster);
  } finally {
    cluster.close();
  }
}
