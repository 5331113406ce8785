import { dirname } from "node:path";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import type { Registry } from "prom-client";
import { Admission } from "../application-registry/admission.ts";
import { SourceFaults } from "../application-registry/source-faults.ts";
import { type AuditLogPlace, openAuditLog } from "../audit/open-audit-log.ts";
import { ObjectClient } from "../client/objects.ts";
import { cacheCredentials } from "../config/client-credentials.ts";
import type { ClusterConfig } from "../config/cluster-config.ts";
import { BUILT_IN_DEFAULTS } from "../config/config-file.ts";
import type { ConnectionTimes } from "../connections/connection-guard.ts";
import { Core } from "../core/core.ts";
import {
  type CoreOptions,
  type CoreState,
  nodeGraceMsDefault,
  nodeSilenceMsDefault,
} from "../core/state.ts";
import type { Clock } from "../kit/clock.ts";
import { randomId } from "../kit/ids.ts";
import type { Logger } from "../kit/logger.ts";
import { Releasers } from "../kit/releasers.ts";
import { specOf } from "../manifest/application-schema.ts";
import type { Change } from "../model/change.ts";
import { defaultResreq } from "../model/resources.ts";
import { startPlugins } from "../plugins/index.ts";
import { MemoryStore } from "../storage/memory-store.ts";
import { SqliteStore } from "../storage/sqlite-store.ts";
import type { Store, StoredState } from "../storage/store.ts";
import { type PublishedPrograms, readPublishedPrograms } from "./backend/published-programs.ts";
import { RequestTrail } from "./calls/request-trail.ts";
import { Engine } from "./engine/engine.ts";
import { Payloads } from "./engine/payloads.ts";
import { termsOf } from "./engine/terms.ts";
import { listSizes } from "./frontend/list-sizes.ts";
import { startListeners } from "./listeners.ts";
import { EngineMetrics, syncMeter, watchState } from "./metrics.ts";
import { ObjectJanitor } from "./objects/object-janitor.ts";
import { OrphanObjects } from "./objects/orphan-objects.ts";
import { logManifestWarnings } from "./registry/manifest-warnings.ts";
import { engineRegistryHost } from "./registry/registry-port.ts";
import { FinishedTasks } from "./storage/finished-tasks.ts";
import { startIntegrityCheck } from "./storage/integrity-check.ts";
import { StorageGuard } from "./storage/storage-guard.ts";
import { measureStorage, StorageWatch, type StorageWatchDeps } from "./storage/storage-watch.ts";
import { StoreCleaner } from "./storage/store-cleaner.ts";

export interface SessionManagerDeps {
  readonly config: ClusterConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Folders of the shipped `migrations/sqlite` and `defaults`. */
  readonly migrationsFolder: string;
  readonly defaultsFolder: string;
  /** What a leading `\${FLAME_HOME}` in a default's working_directory becomes. */
  readonly flameHome: string;
  /** Nothing more can be trusted: whoever runs the process ends it with this reason. */
  readonly onFatal: (error: Error) => void;
  /** Learns what is to be counted (docs/observability.md). */
  readonly registry?: Registry;
  /** Grace and silence of nodes in milliseconds; tests shorten them. */
  readonly timing?: Partial<Pick<CoreOptions, "nodeGraceMs" | "nodeSilenceMs">>;
  /** How long connections live; tests shorten it. */
  readonly connectionTimes?: Partial<ConnectionTimes>;
}

export interface SessionManager {
  readonly frontendPort: number;
  readonly backendPort: number;
  /** Stops taking calls, ends what waits with UNAVAILABLE, writes the last turn, closes the store. */
  close(): Promise<void>;
}

/** One deletion in the object cache may take so long. */
const objectCallTimeoutMs = 30_000;

/**
 * Starts a session manager: store, machine, plugins (which seed the default applications), then the listeners. No
 * client ever sees fewer applications than the defaults, since nothing listens before they are there.
 * @throws FlameError invalid_config when the store, a plugin or a port refuses; everything acquired is given back.
 */
export async function startSessionManager(deps: SessionManagerDeps): Promise<SessionManager> {
  // The library prints a line of its own beside the error that we report.
  setLogVerbosity(logVerbosity.NONE);
  const releasers = new Releasers();
  try {
    return await start(deps, releasers);
  } catch (failure) {
    await releasers.close();
    throw failure;
  }
}

async function start(deps: SessionManagerDeps, releasers: Releasers): Promise<SessionManager> {
  const { config, clock, logger } = deps;
  const publishedPrograms = await readPublishedPrograms(deps);
  const store = openStore(deps, releasers);
  const stored = await store.load();
  const { finishedTasksKept, maxStorageBytes } = config.cluster.limits;
  const payloads = new Payloads(store, config.core.payloadCacheBytes, finishedTasksKept);
  const guard = new StorageGuard(store, clock, maxStorageBytes);
  const janitor = startJanitor(deps, stored, () => engine, releasers);
  const cleaner = new StoreCleaner({ store, clock, logger });
  releasers.add("the deletion of what is left", () => cleaner.close());
  const finished = startForgetting(deps, store, stored, () => engine, releasers);
  const engine = newEngine(deps, {
    ...{ store, stored, guard, payloads, publishedPrograms },
    followers: [janitor, cleaner, finished],
  });
  releasers.add("the engine", () => engine.stop());
  if (deps.registry !== undefined) {
    watchState(deps.registry, engine);
    await measureStorage(deps.registry, guard);
  }

  startOrphanSweep(deps, engine, releasers);

  const admission = new Admission({
    allowedSchemes: config.packages.allowedSchemes,
    clock,
    logger,
  });
  const faults = new SourceFaults();
  const registry = engineRegistryHost(engine);
  releasers.add("the warnings about manifests", logManifestWarnings(registry, logger));
  const plugins = await startPlugins({
    entries: config.cluster.plugins,
    registry,
    admission,
    faults,
    logger,
    ...(config.source !== BUILT_IN_DEFAULTS && { configFolder: dirname(config.source) }),
    defaultsFolder: deps.defaultsFolder,
    flameHome: deps.flameHome,
  });
  releasers.add("the plugins", () => plugins.close());

  const { frontendPort, backendPort, takesMore } = await startListeners(
    {
      ...{ config, engine, payloads, store, cleaner, finished, guard },
      sizes: listSizes(engine),
      clock,
      admission,
      faults,
      publishedPrograms,
      tracing: { logger, trail: new RequestTrail() },
      flameHome: deps.flameHome,
      audit: openAuditLog(auditPlace(deps), releasers),
      ...(deps.connectionTimes !== undefined && { connectionTimes: deps.connectionTimes }),
    },
    releasers,
  );
  await watchStorage({ guard, clock, logger, onChange: takesMore }, releasers);
  logger.info(
    {
      frontendPort,
      backendPort,
      applications: engine.state.applications.list().length,
      sessions: stored.sessions.length,
    },
    "session manager is serving",
  );
  return { frontendPort, backendPort, close: () => releasers.close() };
}

function auditPlace(deps: SessionManagerDeps): AuditLogPlace {
  const { config, clock, logger, registry, flameHome: home } = deps;
  const daemon = "session-manager";
  return { home, daemon, config: config.cluster.audit, clock, logger, registry };
}

async function watchStorage(deps: StorageWatchDeps, releasers: Releasers): Promise<void> {
  const watch = new StorageWatch(deps);
  releasers.add("the watch of the storage", () => watch.close());
  await watch.begin();
}

function newEngine(
  deps: SessionManagerDeps,
  parts: {
    readonly store: Store;
    readonly stored: StoredState;
    readonly guard: StorageGuard;
    readonly payloads: Payloads;
    readonly publishedPrograms: PublishedPrograms;
    /** Told of what was made durable. */
    readonly followers: readonly { committed(changes: readonly Change[]): void }[];
  },
): Engine {
  const { config, clock, logger, registry, onFatal } = deps;
  const { store, stored, guard, payloads, followers } = parts;
  const options = coreOptions(deps, parts.publishedPrograms);
  const nextTerm = termsOf(store.startNumber);
  const machine = (state: StoredState, now: number, steady: number): Core =>
    new Core({ ...options, term: nextTerm() }, state, now, steady);
  return new Engine({
    core: machine(stored, clock.now(), clock.steady()),
    rebuild: async (now, steady) => machine(await store.load(), now, steady),
    guard,
    store,
    payloads,
    clock,
    safetyNetMs: config.cluster.scheduleIntervalMs,
    ...(registry !== undefined && { meter: new EngineMetrics(registry) }),
    onCommitted: (changes) => {
      for (const follower of followers) follower.committed(changes);
    },
    onDisk: (refusal) => {
      if (refusal === undefined) logger.info({}, "the disk takes writes again");
      else logger.error({}, `the state is read anew from the disk: ${refusal.message}`);
    },
    onFatal,
  });
}

/** What crashed sessions left in the object cache leaves it long after its last use. */
function startOrphanSweep(
  { config, clock, logger }: SessionManagerDeps,
  machine: { readonly state: CoreState },
  releasers: Releasers,
): void {
  const objects = new ObjectClient({
    endpoint: config.cache.endpoint.url,
    ...cacheCredentials(config),
    callTimeoutMs: objectCallTimeoutMs,
  });
  const orphans = new OrphanObjects({
    listObjects: () => objects.list(),
    deleteObjects: (prefixes) => objects.deleteMany(prefixes),
    isKnown: (session) => machine.state.sessions.find(session) !== undefined,
    clock,
    logger,
    retentionMs: config.cache.orphanRetentionMs,
  });
  releasers.add("the sweep of orphaned objects", () => {
    orphans.close();
    objects.close();
  });
}

/** The objects of closed sessions leave the object cache, which may be away: its clients know that. */
function startJanitor(
  { config, clock, logger }: SessionManagerDeps,
  stored: StoredState,
  engine: () => Engine,
  releasers: Releasers,
): ObjectJanitor {
  const { endpoint, retentionMs } = config.cache;
  const objects = new ObjectClient({
    endpoint: endpoint.url,
    ...cacheCredentials(config),
    callTimeoutMs: objectCallTimeoutMs,
  });
  const janitor = new ObjectJanitor(
    {
      deleteObjects: (prefixes) => objects.deleteMany(prefixes),
      remember: (ids) => engine().ask("session.objectsDeleted", { ids }),
      clock,
      logger,
      retentionMs,
    },
    stored.sessions.map(({ record }) => record),
  );
  releasers.add("the object janitor", () => {
    janitor.close();
    objects.close();
  });
  return janitor;
}

/** Open sessions forget the finished tasks that ended first. */
function startForgetting(
  { config, clock, logger }: SessionManagerDeps,
  store: Store,
  stored: StoredState,
  engine: () => Engine,
  releasers: Releasers,
): FinishedTasks {
  const finished = new FinishedTasks(
    {
      store,
      clock,
      logger,
      kept: config.cluster.limits.finishedTasksKept,
      isOpen: (id) => engine().state.sessions.find(id)?.record.state === "Open",
    },
    stored.sessions,
  );
  releasers.add("the forgetting of finished tasks", () => finished.close());
  return finished;
}

function openStore(deps: SessionManagerDeps, releasers: Releasers): Store {
  const store = newStore(deps);
  releasers.add("the store", () => store.close());
  if (!(store instanceof SqliteStore) || store.unchecked === undefined) return store;
  const { logger, onFatal: onDamage } = deps;
  const endCheck = startIntegrityCheck({ file: store.unchecked, logger, onDamage });
  releasers.add("the check of the database", endCheck);
  return store;
}

function newStore(deps: SessionManagerDeps): Store {
  const { storage } = deps.config.cluster;
  if (storage.kind === "memory") {
    deps.logger.warn(
      {},
      "cluster.storage is none: applications, sessions and tasks are lost when this process ends",
    );
    return new MemoryStore();
  }
  return new SqliteStore({
    file: storage.file,
    migrationsFolder: deps.migrationsFolder,
    fillDefaults: specOf,
    now: deps.clock.now(),
    owner: { program: "flame-session-manager", home: deps.flameHome },
    ...(deps.registry !== undefined && { onSynced: syncMeter(deps.registry) }),
  });
}

function coreOptions(
  { config, timing }: SessionManagerDeps,
  published: PublishedPrograms,
): Omit<CoreOptions, "term"> {
  const { cluster } = config;
  return {
    resreq: cluster.resreq ?? defaultResreq,
    policies: cluster.policies,
    bindRetryLimit: cluster.bindRetryLimit,
    executorsPerNodeMax: cluster.maxExecutorsPerNode,
    sessionsMax: cluster.limits.maxSessions,
    openSessionsMax: cluster.limits.maxOpenSessions,
    openTasksMax: cluster.limits.maxOpenTasks,
    quotas: cluster.security.quotas,
    applicationsMax: cluster.limits.maxApplications,
    closedSessionRetentionMs: cluster.closedSessionRetentionMs || Number.POSITIVE_INFINITY,
    absentClientMs: cluster.absentClientMs || Number.POSITIVE_INFINITY,
    idleSessionMs: cluster.idleSessionMs || Number.POSITIVE_INFINITY,
    nodeSilenceMs: timing?.nodeSilenceMs ?? nodeSilenceMsDefault,
    nodeGraceMs: timing?.nodeGraceMs ?? nodeGraceMsDefault,
    isReplacedElsewhere: (spec) => published.replaces(spec),
    newExecutorId: randomId,
  };
}
