import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Registry } from "prom-client";
import { readNow } from "../client/channel-options.ts";
import {
  type ClientCredentials,
  cacheCredentials,
  handedOnCredentials,
  nodeCredentials,
  serviceCredentials,
} from "../config/client-credentials.ts";
import type { ClusterConfig } from "../config/cluster-config.ts";
import { type Env, envValue } from "../config/env.ts";
import type { FlameHome } from "../config/flame-home.ts";
import { logFilter } from "../config/logging.ts";
import { usesTaskStreams } from "../config/task-streams.ts";
import type { Clock } from "../kit/clock.ts";
import { randomId } from "../kit/ids.ts";
import type { Logger } from "../kit/logger.ts";
import { Releasers } from "../kit/releasers.ts";
import { FlameError } from "../model/errors.ts";
import { cleanEnvironment } from "../process/clean-environment.ts";
import { startGroupReaper } from "../process/group-reaper.ts";
import { GroupRecords } from "../process/leftovers.ts";
import { serviceLogFolder } from "../process/service-logs.ts";
import type { Bind, Warm } from "../protocol/generated/flame/stream/v1/nodes.ts";
import { Executor } from "../protocol/generated/flame/v1/types.ts";
import { looseNodeSecrets } from "../security/node-secrets.ts";
import { BackendClient } from "./backend-client.ts";
import { chooseContainment } from "./containment.ts";
import { ExecutorBook } from "./executor-book.ts";
import { readWarm } from "./executor-messages.ts";
import { Housekeeping } from "./housekeeping.ts";
import { LiveLogs } from "./logs/live-logs.ts";
import { LogReads } from "./logs/log-reads.ts";
import { LogStream } from "./logs/log-stream.ts";
import { ExecutorMetrics, watchExecutors, watchWarm } from "./metrics.ts";
import { defaultNodeName, measureNode } from "./node-facts.ts";
import { NodeInstanceFile } from "./node-instance.ts";
import { NodeLoop } from "./node-loop.ts";
import { leaveNodeMark } from "./node-mark.ts";
import { openPackageStore } from "./packages/package-store.ts";
import { type PackageInstaller, ServiceHost } from "./service-host.ts";
import { type NodeServices, scratchFolder } from "./service-process.ts";
import { openSocketFolder } from "./socket-folder.ts";
import { WarmServices } from "./warm/warm-services.ts";
import { WorkStream, type WorkStreamDeps } from "./work/work-stream.ts";

/** How long a service may take until it has connected or accepts connections: imports from a network file system are slow. */
const SERVICE_START_TIMEOUT_MS = 120_000;
/** Between TERM and KILL of a service. */
const SERVICE_STOP_GRACE_MS = 5_000;

/** What an executor manager is made of. */
export interface ExecutorManagerOptions {
  readonly config: ClusterConfig;
  readonly home: FlameHome;
  readonly env: Env;
  readonly logger: Logger;
  readonly clock: Clock;
  /** @default FLAME_NODE_NAME, else the host name */
  readonly nodeName?: string;
  /** Learns what is to be counted (docs/observability.md). */
  readonly registry?: Registry;
  /** Milliseconds. @default 120,000 */
  readonly serviceStartTimeoutMs?: number;
  /** Milliseconds. @default 5,000 */
  readonly serviceStopGraceMs?: number;
  /** Whether services get control groups where those can be made. @default true */
  readonly controlGroups?: boolean;
}

/** A running executor manager. */
export interface ExecutorManager {
  readonly nodeName: string;
  /** `host:port` of the Backend that it dials. */
  readonly target: string;
  /** Resolves when the session manager has accepted the node for the first time. */
  readonly ready: Promise<void>;
  /**
   * Finishes and delivers running tasks for at most `executors.drain`, then ends every service. The tasks that
   * were cut short go back to Pending when the session manager sees the node gone.
   */
  close(): Promise<void>;
}

/**
 * Starts the executor manager of one node. An unreachable session manager is no error: it is dialled until it is there.
 * @throws FlameError invalid_config for a shim that this build does not offer, or an unusable certificate or token file.
 */
export async function startExecutorManager(
  options: ExecutorManagerOptions,
): Promise<ExecutorManager> {
  const { config, home, env, logger, clock } = options;
  refuseOtherShims(config);
  const nodeName = options.nodeName ?? envValue(env, "FLAME_NODE_NAME") ?? defaultNodeName();
  const releasers = new Releasers();
  try {
    const clusterEndpoint = config.cluster.endpoint;
    const file = new NodeInstanceFile(home.run);
    const instance = { id: randomId(), follows: await file.ended() };
    const logFolder = serviceLogFolder(home.root);
    const workStream = usesTaskStreams(env);
    // Before any program of others runs.
    tellOfSecrets(options);
    const credentials = nodeCredentials(config);
    const cache = { endpoint: config.cache.endpoint.url, ...readNow(cacheCredentials(config)) };
    const target = { clusterEndpoint, logFolder, instance, workStream, ...credentials };
    const calls = new BackendClient({ clock, logger }, target);
    releasers.add("connection", () => calls.close());
    const around = await openSurroundings(options, releasers);
    await leaveNodeMark(home.root, nodeName, logger);
    const installer = await openPackageStore(
      { home, env, clock, logger },
      { maxDiskBytes: config.packages.maxDiskBytes, cache },
    );
    releasers.add("package store", () => installer.close());
    const begin = workStream ? () => calls.work() : undefined;
    const { work, book, warm } = openExecutors(options, {
      calls,
      around,
      installer,
      stream: { begin, nodeName, instance: instance.id },
    });
    const housekeeping = new Housekeeping(
      { home, clock, logger, executors: () => book.ids, withoutWarm: (act) => warm.without(act) },
      { logAgeMs: config.cluster.closedSessionRetentionMs },
    );
    releasers.add("housekeeping", () => housekeeping.close());
    housekeeping.start();
    const measure = () => measureNode(env);
    const logs = openLogs(options, { calls, nodeName, live: around.live });
    const node = new NodeLoop(
      { calls, work, logs, book, clock, logger, measure, target: calls.target },
      nodeName,
    );
    releasers.add("node stream", () => node.close());
    releasers.add("services", async () => {
      await Promise.all([warm.close(), endExecutors(book, options)]);
    });
    void node.registered.then(() => file.registered(instance.id, logger));
    await file.registering(instance, logger);
    node.start();
    return {
      nodeName,
      target: calls.target,
      ready: node.registered,
      close: () => releasers.close(),
    };
  } catch (thrown) {
    await releasers.close();
    throw thrown;
  }
}

function refuseOtherShims({ executors: { shim } }: ClusterConfig): void {
  if (shim === "host") return;
  throw new FlameError(
    "invalid_config",
    `cluster.executors.shim: got "${shim}", expected "host": this executor manager offers no other`,
  );
}

/** What the executors of a node are made of, and the services that are started before there are sessions. */
function openExecutors(
  { config, clock, logger, registry }: ExecutorManagerOptions,
  parts: {
    readonly calls: BackendClient;
    readonly around: NodeServices;
    readonly installer: PackageInstaller;
    readonly stream: Pick<WorkStreamDeps, "begin" | "nodeName" | "instance">;
  },
): { work: WorkStream; book: ExecutorBook; warm: WarmServices } {
  const { calls, around, installer, stream } = parts;
  const servicesMax = config.executors.warmMax;
  const warm = new WarmServices({ around, installer, clock, logger, servicesMax });
  const want = (wanted: Warm): void => warm.want(readWarm(wanted));
  const take = ({ executor, application, session, requestId }: Bind): void => {
    const given = {
      response: { application, session },
      requestId: requestId === "" ? undefined : requestId,
    };
    book.take(executor ?? Executor.create(), given);
  };
  const work = new WorkStream({ ...stream, clock, logger, warm: { servicesMax, want }, take });
  const host = new ServiceHost(around, installer, warm);
  const meter = registry === undefined ? {} : { meter: new ExecutorMetrics(registry) };
  const book = new ExecutorBook({ calls, work, host, clock, logger, ...meter });
  if (registry !== undefined) {
    watchExecutors(registry, book);
    watchWarm(registry, warm);
  }
  return { work, book, warm };
}

function openLogs(
  { home, clock, logger }: ExecutorManagerOptions,
  parts: {
    readonly calls: BackendClient;
    readonly nodeName: string;
    readonly live: LiveLogs;
  },
): LogStream {
  const { calls, nodeName, live } = parts;
  const reads = new LogReads(home.root);
  return new LogStream({ begin: () => calls.logs(), reads, live, clock, logger, nodeName });
}

async function openSurroundings(
  { config, home, env, logger, clock, ...limits }: ExecutorManagerOptions,
  releasers: Releasers,
): Promise<NodeServices & { readonly live: LiveLogs }> {
  // Timers and idle connections do not keep a process alive, a manager that waits for its work has to.
  const alive = setInterval(() => undefined, 0x7fff_ffff);
  releasers.add("process", () => clearInterval(alive));
  const records = new GroupRecords(join(home.run, "services"));
  const killed = await records.killLeftovers();
  if (killed.length > 0)
    logger.warn({ groups: killed }, "ended services that an earlier executor manager left behind");
  await rm(scratchFolder(home.root), { recursive: true, force: true });
  const { caFile } = serviceCredentials(config);
  const ownSockets = join(home.run, "sockets");
  const sockets = await openSocketFolder(
    envValue(env, "FLAME_SOCKET_DIR") ?? ownSockets,
    ownSockets,
  );
  releasers.add("socket folder", () => sockets.release());
  const reaper = startGroupReaper();
  releasers.add("group reaper", () => reaper.close());
  return {
    clock,
    logger,
    reaper,
    records,
    containment: await chooseContainment(limits.controlGroups ?? true, logger),
    live: new LiveLogs(),
    flameHome: home.root,
    socketFolder: sockets.path,
    inherited: {
      ...cleanEnvironment(env),
      FLAME_HOME: home.root,
      ...credentialVariables(handedOnCredentials(config)),
      ...config.executors.environment,
    },
    logLevel: logFilter(env),
    clusterEndpoint: config.cluster.endpoint.url,
    ...(caFile === undefined ? {} : { caFile }),
    cacheEndpoint: config.cache.endpoint.url,
    startTimeoutMs: limits.serviceStartTimeoutMs ?? SERVICE_START_TIMEOUT_MS,
    stopGraceMs: limits.serviceStopGraceMs ?? SERVICE_STOP_GRACE_MS,
  };
}

/** @throws FlameError invalid_config when everybody of this machine may choose what shows that this is a node */
function tellOfSecrets({ config, logger }: ExecutorManagerOptions): void {
  for (const warning of looseNodeSecrets(config)) logger.warn({}, warning);
  const handedOn = credentialVariables(handedOnCredentials(config));
  const missing = Object.keys(credentialVariables(serviceCredentials(config))).filter(
    (name) => !(name in handedOn) && !(name in config.executors.environment),
  );
  if (missing.length === 0) return;
  logger.warn(
    { missing },
    "services get no credentials, as those of this node are the only ones in the configuration, and whoever has them is the node: if " +
      "services call the cluster or the object cache, name files of their own in cluster.executors.environment",
  );
}

/** What a service needs to be a client itself. `executors.environment` may name other files. */
function credentialVariables(own: ClientCredentials): Record<string, string> {
  const files = {
    FLAME_CERT_FILE: own.certFile,
    FLAME_KEY_FILE: own.keyFile,
    FLAME_TOKEN_FILE: own.tokenFile,
  };
  return Object.fromEntries(
    Object.entries(files).flatMap(([name, file]) => (file === undefined ? [] : [[name, file]])),
  );
}

async function endExecutors(
  book: ExecutorBook,
  { config, clock, logger }: ExecutorManagerOptions,
): Promise<void> {
  const { drainMs } = config.executors;
  if (book.size > 0) {
    logger.info(
      { executors: book.size, drainMs },
      `stopping: ${book.size === 1 ? "1 executor" : `${book.size} executors`} at work; a task that runs has up to ${drainMs} ms more (executors.drain)`,
    );
  }
  const timer = clock.after(drainMs, () => {
    logger.warn(
      { executors: book.size, drainMs },
      "tasks still run past executors.drain, they are given back",
    );
    void book.kill();
  });
  await book.drain();
  timer.cancel();
}
