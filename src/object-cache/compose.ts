import {
  logVerbosity,
  type Server,
  type ServerCredentials,
  type ServerInterceptor,
  setLogVerbosity,
} from "@grpc/grpc-js";
import type { Registry } from "prom-client";
import { auditing } from "../audit/audit-interceptor.ts";
import { openAuditLog } from "../audit/open-audit-log.ts";
import type { ClusterConfig } from "../config/cluster-config.ts";
import { hostText } from "../config/endpoint.ts";
import type { ConnectionTimes } from "../connections/connection-guard.ts";
import { clientStreamsMax, guardedServer } from "../connections/guarded-server.ts";
import { systemClock } from "../kit/clock.ts";
import { randomId } from "../kit/ids.ts";
import type { Logger } from "../kit/logger.ts";
import { Releasers } from "../kit/releasers.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { addHealthAndReflection } from "../observability/listener-service.ts";
import { flightDefinition } from "../protocol/flight/flight-definition.ts";
import { opaqueBytesMax } from "../protocol/flight/opaque-rows.ts";
import { type ListenerSecurity, listenerSecurity } from "../security/listener-security.ts";
import { DiskStore } from "./disk-store.ts";
import { FlightService } from "./flight-service.ts";
import { lockFolder } from "./folder-lock.ts";
import { MemoryCache } from "./memory-cache.ts";
import { MemoryStore } from "./memory-store.ts";
import { CacheMetrics, watchCache, watchTransfers } from "./metrics.ts";
import { ObjectCache } from "./object-cache.ts";
import type { ObjectStore } from "./object-store.ts";
import { SharedFolder } from "./shared-folder.ts";
import { SmallDoor, type SmallDoorDeps } from "./small-door.ts";
import { TransferBudget } from "./transfer-budget.ts";

/** The part of the cluster configuration that the object cache needs. */
export type ObjectCacheConfig = Pick<ClusterConfig, "cache" | "source"> & {
  readonly cluster: Pick<ClusterConfig["cluster"], "security" | "audit">;
};

export interface ObjectCacheOptions {
  readonly config: ObjectCacheConfig;
  /** FLAME_HOME, for whoever asks who has the folder, and for the audit log; absent: none is written. */
  readonly home?: string;
  readonly logger: Logger;
  /** Learns what is to be counted (docs/observability.md). */
  readonly registry?: Registry;
  /** Listens here instead of on the endpoint's port; 0 picks a free one. References carry the real one. */
  readonly port?: number;
  /** How long a transfer waits when too many bytes are under way, in milliseconds. @default 30,000 */
  readonly transferWaitMs?: number;
  /** How long connections live; tests shorten it. */
  readonly connectionTimes?: Partial<ConnectionTimes>;
}

/** An object cache that serves. */
export interface RunningObjectCache {
  /** What object references carry. */
  readonly endpoint: string;
  readonly port: number;
  /** Waits for running calls (at most {@link DRAIN_MS}), then gives back listener and folder. Idempotent. */
  close(): Promise<void>;
}

/** How long running calls may go on after `close`. Unit: milliseconds. */
const DRAIN_MS = 5_000;
const TRANSFER_WAIT_MS = 30_000;
/** A message is one object, its description and padding. Unit: bytes. */
const MESSAGE_BYTES_MAX = opaqueBytesMax + 1024 * 1024;

/** Requests of all calls but those that bring objects. Unit: bytes. */
const SMALL_REQUEST_BYTES_MAX = 16 * 1024 * 1024;

/** Objects are counted as they come in (call-stream.ts). */
function requestBytesMax(path: string): number | undefined {
  return path === flightDefinition.doPut.path ? undefined : SMALL_REQUEST_BYTES_MAX;
}

/** Opens the store and serves Arrow Flight; everything acquired is given back when the start fails. */
export async function startObjectCache(options: ObjectCacheOptions): Promise<RunningObjectCache> {
  const releasers = new Releasers();
  try {
    return await start(options, releasers);
  } catch (thrown) {
    await releasers.close();
    throw thrown;
  }
}

async function start(
  options: ObjectCacheOptions,
  releasers: Releasers,
): Promise<RunningObjectCache> {
  const { config, logger } = options;
  const security = securityOf(config);
  for (const warning of security.warnings) logger.warn({}, warning);
  for (const note of security.notes) logger.info({}, note);
  const cache = await openCache(options, releasers);
  releasers.add("the objects", () => cache.close());
  if (options.registry !== undefined) watchCache(options.registry, cache);
  let port = options.port ?? config.cache.endpoint.port;
  const { endpoint } = config.cache;
  // Clients dial what a reference says, and Arrow Flight calls TLS grpc+tls.
  const scheme = endpoint.secure ? "grpc+tls" : "grpc";
  const advertised = (): string => `${scheme}://${hostText(endpoint.host)}:${port}`;
  const { maxTransferBytes } = config.cache;
  const limits = { bytesMax: maxTransferBytes, waitMs: options.transferWaitMs ?? TRANSFER_WAIT_MS };
  const budget = new TransferBudget({ clock: systemClock }, limits);
  if (options.registry !== undefined) watchTransfers(options.registry, budget);
  const shared = await openShared(config);
  if (shared !== undefined) {
    const tidying = shared.keepTidy(systemClock);
    releasers.add("the files of clients", () => tidying.cancel());
  }
  const small = await openSmallDoor(config, { cache, logger, newId: randomId, advertised });
  if (small !== undefined) releasers.add("the clients of small objects", () => small.close());
  const service = new FlightService({
    cache,
    logger,
    newId: randomId,
    advertised,
    budget,
    shared,
  });
  // What goes wrong is thrown, logged or answered here; the library's own lines would say it a second time.
  setLogVerbosity(logVerbosity.NONE);
  const guarded = guardedServer(
    { clock: systemClock, logger },
    {
      interceptors: [...auditingOf(options, releasers), ...security.interceptors],
      connected: security.connected,
      watch: security.watch,
      messageBytesMax: MESSAGE_BYTES_MAX,
      streamsMax: clientStreamsMax,
      requestBytesMax,
      times: options.connectionTimes ?? {},
    },
  );
  const { server } = guarded;
  server.addService(flightDefinition, service.handlers());
  const outside = addHealthAndReflection(server, ["arrow.flight.protocol.FlightService"]);
  releasers.add("the listener", () => {
    outside.close();
    guarded.close();
    return shutDown(server);
  });
  port = await bind(server, `${hostText(config.cache.listenHost)}:${port}`, security.credentials);
  guarded.guard();
  outside.serving(true);
  logger.info({ endpoint: advertised(), config: config.source }, "serving");
  return { endpoint: advertised(), port, close: () => releasers.close() };
}

/** In front of who refuses calls. */
function auditingOf(
  { config, home, logger, registry }: ObjectCacheOptions,
  releasers: Releasers,
): ServerInterceptor[] {
  if (home === undefined) return [];
  const { audit } = config.cluster;
  const daemon = "object-cache";
  const place = { home, daemon, config: audit, clock: systemClock, logger, registry };
  const log = openAuditLog(place, releasers);
  return log === undefined ? [] : [auditing(log, daemon)];
}

async function openCache(
  { config, home, logger, registry }: ObjectCacheOptions,
  releasers: Releasers,
): Promise<ObjectCache> {
  const store = openStore(config, logger);
  const meter = registry === undefined ? undefined : new CacheMetrics(registry);
  const deps = { store, memory: memoryAbove(config), logger, meter };
  const { storage } = config.cache;
  if (storage.kind === "memory") return await ObjectCache.open(deps);
  return await openFolder(storage.dir, async () => {
    // Two caches on one folder would overwrite each other, whatever their homes.
    const lock = lockFolder(
      storage.dir,
      { program: "flame-object-cache", home },
      systemClock.now(),
    );
    releasers.add("the lock of the folder", () => lock.release());
    return await ObjectCache.open(deps);
  });
}

async function openShared({ cache }: ObjectCacheConfig): Promise<SharedFolder | undefined> {
  const { storage } = cache;
  if (storage.kind === "memory") return undefined;
  return await openFolder(storage.dir, () => SharedFolder.open(storage.dir));
}

async function openSmallDoor(
  { cache }: ObjectCacheConfig,
  deps: SmallDoorDeps,
): Promise<SmallDoor | undefined> {
  const { storage } = cache;
  if (storage.kind === "memory") return undefined;
  return await openFolder(storage.dir, () => SmallDoor.open(deps, storage.dir));
}

function openStore({ cache }: ObjectCacheConfig, logger: Logger): ObjectStore {
  if (cache.storage.kind === "disk") {
    return new DiskStore({ logger }, { folder: cache.storage.dir, bytesMax: cache.maxDiskBytes });
  }
  return new MemoryStore({ bytesMax: cache.maxMemoryBytes, piecesMax: cache.maxObjects });
}

/** Nothing above a store that is memory itself. */
function memoryAbove({ cache }: ObjectCacheConfig): MemoryCache {
  return new MemoryCache({
    policy: cache.policy,
    bytesMax: cache.storage.kind === "disk" ? cache.maxMemoryBytes : 0,
    piecesMax: cache.maxObjects,
  });
}

function securityOf({ cache, cluster }: ObjectCacheConfig): ListenerSecurity {
  const { endpoint } = cache;
  if (endpoint.secure && cache.tls === undefined) {
    throw new FlameError(
      "invalid_config",
      `cache.endpoint is ${endpoint.url}, which means TLS, but cache.tls is absent: set cache.tls.cert_file ` +
        "and cache.tls.key_file, or use grpc://",
    );
  }
  return listenerSecurity({
    access: cluster.security.clients,
    accessKey: "cluster.security.clients",
    users: cluster.security.users,
    tls: endpoint.secure ? cache.tls : undefined,
    tlsKey: "cache.tls",
    tokenFile: cluster.security.tokenFile,
    tokenKey: "cluster.security.token_file",
    roles: cluster.security.roles,
    now: () => systemClock.now(),
  });
}

function bind(server: Server, address: string, how: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, how, (error, port) => {
      if (error === null) resolve(port);
      else reject(cannotListen(address, error));
    });
  });
}

function cannotListen(address: string, error: Error): FlameError {
  const taken = textOf(error).includes("EADDRINUSE");
  const why = taken ? "the port is taken" : textOf(error);
  const advice = taken
    ? "another program listens there; stop it, or change cache.endpoint"
    : "check cache.endpoint and cache.listen";
  return new FlameError(
    "invalid_config",
    `the object cache cannot listen on ${address}: ${why}; ${advice}`,
    { cause: error },
  );
}

/** What keeps a store from opening is mostly its folder: the error names the key that chose it. */
async function openFolder<T>(folder: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (thrown) {
    if (thrown instanceof FlameError) throw thrown;
    throw new FlameError(
      "invalid_config",
      `the object cache cannot use the folder "${folder}": ${textOf(thrown)}; check cache.storage`,
      { cause: thrown },
    );
  }
}

function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), DRAIN_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
