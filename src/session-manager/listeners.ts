import type { ServerInterceptor } from "@grpc/grpc-js";
import type { Admission } from "../application-registry/admission.ts";
import type { SourceFaults } from "../application-registry/source-faults.ts";
import { auditing } from "../audit/audit-interceptor.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { ClusterConfig } from "../config/cluster-config.ts";
import type { ConnectionTimes } from "../connections/connection-guard.ts";
import {
  clientStreamsMax,
  type GuardedServer,
  type GuardedServerOptions,
  guardedServer,
  unlimitedStreams,
} from "../connections/guarded-server.ts";
import type { Clock } from "../kit/clock.ts";
import type { Releasers } from "../kit/releasers.ts";
import { addHealthAndReflection, type ListenerOutside } from "../observability/listener-service.ts";
import { AdminService } from "../protocol/generated/flame/admin/v1/admin.ts";
import { PresenceService } from "../protocol/generated/flame/client/v1/client.ts";
import { LogsService } from "../protocol/generated/flame/logs/v1/logs.ts";
import { NodeLogsService } from "../protocol/generated/flame/logs/v1/node_logs.ts";
import { RegistryService } from "../protocol/generated/flame/registry/v1/registry.ts";
import { SessionsService } from "../protocol/generated/flame/sessions/v1/sessions.ts";
import { BackendService } from "../protocol/generated/flame/v1/backend.ts";
import { FrontendService } from "../protocol/generated/flame/v1/frontend.ts";
import { clientsDefinition, nodesDefinition } from "../protocol/stream-services.ts";
import { type ListenerSecurity, listenerSecurity } from "../security/listener-security.ts";
import type { Store } from "../storage/store.ts";
import { adminService } from "./admin/admin-service.ts";

import { backendService } from "./backend/backend-service.ts";
import { NodeNotes } from "./backend/node-notes.ts";
import { NodeSpeakers } from "./backend/node-speakers.ts";
import type { PublishedPrograms } from "./backend/published-programs.ts";
import { nodesService } from "./backend/work-stream.ts";
import { CallLimits, measured } from "./calls/call-limits.ts";
import { ReplyHold } from "./calls/reply-hold.ts";
import { SharedLimit } from "./calls/shared-limit.ts";
import { type Tracing, traced } from "./calls/traced.ts";
import type { Engine } from "./engine/engine.ts";
import type { Payloads } from "./engine/payloads.ts";
import { refuseEarlyProtocol } from "./frontend/early-protocol-service.ts";
import { frontendService } from "./frontend/frontend-service.ts";
import type { ListSizes } from "./frontend/list-sizes.ts";
import { presenceService } from "./frontend/presence-service.ts";
import { sessionsService } from "./frontend/sessions-service.ts";
import { clientsService } from "./frontend/task-stream.ts";
import { type ListenAddress, listen, shutDown } from "./grpc-listener.ts";
import { findSession, logPlaces } from "./logs/log-places.ts";
import { NodeLogs } from "./logs/node-logs.ts";
import { registryService } from "./registry/registry-service.ts";
import type { FinishedTasks } from "./storage/finished-tasks.ts";
import type { StorageGuard } from "./storage/storage-guard.ts";
import type { StoreCleaner } from "./storage/store-cleaner.ts";

/** Running calls may end within this time when the session manager stops. */
const shutdownGraceMs = 2000;

/** Larger messages than published clients send, so that "too large" can be said in our own words. */
const frontendReceiveBytesMax = 16 * 1024 * 1024;
const backendReceiveBytesMax = 128 * 1024 * 1024;

export interface ListenerDeps {
  readonly config: ClusterConfig;
  readonly engine: Engine;
  readonly payloads: Payloads;
  readonly store: Store;
  readonly cleaner: StoreCleaner;
  readonly finished: FinishedTasks;
  readonly guard: StorageGuard;
  readonly sizes: ListSizes;
  readonly clock: Clock;
  readonly admission: Admission;
  readonly faults: SourceFaults;
  readonly tracing: Tracing;
  readonly publishedPrograms: PublishedPrograms;
  /** How long connections live; tests shorten it. */
  readonly connectionTimes?: Partial<ConnectionTimes>;
  /** Where services of nodes that share it leave their output. */
  readonly flameHome: string;
  /** Absent: no call is written down. */
  readonly audit: AuditLog | undefined;
}

interface ServerDeps extends ListenerDeps {
  readonly notes: NodeNotes;
  readonly speakers: NodeSpeakers;
  readonly logs: NodeLogs;
}

/** What health checks of the Frontend ask for to learn whether clients may add something. */
const storageHealth = "flame.storage";

export interface Listeners {
  readonly frontendPort: number;
  readonly backendPort: number;
  /** Tells health checks whether clients may add something. */
  readonly takesMore: (takes: boolean) => void;
}

/**
 * Opens Frontend and Backend; `releasers` learns how to close them.
 * @throws FlameError invalid_config when a port refuses, or a file of `cluster.tls` or `cluster.security` is unusable.
 */
export async function startListeners(deps: ListenerDeps, releasers: Releasers): Promise<Listeners> {
  const { engine } = deps;
  const { listenHost: host, endpoint } = deps.config.cluster;
  const { clients, nodes } = securityOf(deps);
  for (const warning of new Set([...clients.warnings, ...nodes.warnings])) {
    deps.tracing.logger.warn({}, warning);
  }
  for (const note of [...clients.notes, ...nodes.notes]) deps.tracing.logger.info({}, note);
  const notes = new NodeNotes();
  const shared = {
    ...deps,
    notes,
    logs: new NodeLogs(
      deps.clock,
      { find: (name) => engine.state.nodes.find(name) },
      logPlaces(engine, notes),
    ),
    speakers: new NodeSpeakers(() => deps.clock.steady()),
  };
  const [frontend, frontendOutside] = frontendServer(shared, clients);
  const [backend, backendOutside] = backendServer(shared, nodes);
  const { port } = endpoint;
  const frontendPort = await serve(frontend, { host, port, ...clients }, "Frontend");
  releasers.add("the Frontend", () => stopServing(engine, frontend));
  const next = port === 0 ? 0 : port + 1;
  const backendPort = await serve(backend, { host, port: next, ...nodes }, "Backend");
  releasers.add("the Backend", () => stopServing(engine, backend));
  const outsides = [frontendOutside, backendOutside];
  for (const outside of outsides) outside.serving(true);
  releasers.add("the health checks", () => {
    for (const outside of outsides) outside.close();
  });
  const takesMore = (serves: boolean): void => frontendOutside.part(storageHealth, serves);
  return { frontendPort, backendPort, takesMore };
}

async function serve(
  guarded: GuardedServer,
  address: ListenAddress,
  what: string,
): Promise<number> {
  const port = await listen(guarded.server, address, what);
  guarded.guard();
  return port;
}

function securityOf({ config, clock }: ListenerDeps): {
  clients: ListenerSecurity;
  nodes: ListenerSecurity;
} {
  const { security, tls } = config.cluster;
  const common = {
    tls,
    tlsKey: "cluster.tls",
    users: security.users,
    roles: security.roles,
    now: () => clock.now(),
  };
  return {
    clients: listenerSecurity({
      ...common,
      access: security.clients,
      accessKey: "cluster.security.clients",
      tokenFile: security.tokenFile,
      tokenKey: "cluster.security.token_file",
    }),
    nodes: listenerSecurity({
      ...common,
      access: security.nodes,
      accessKey: "cluster.security.nodes",
      tokenFile: security.nodeTokenFile,
      tokenKey: "cluster.security.node_token_file",
      defaultRoles: ["node"],
    }),
  };
}

function frontendServer(
  deps: ServerDeps,
  { interceptors, connected, watch }: ListenerSecurity,
): OutsideServer {
  const { tracing } = deps;
  const guarded = guard(deps, {
    interceptors: audited(deps, "frontend", interceptors),
    connected,
    watch,
    messageBytesMax: frontendReceiveBytesMax,
    streamsMax: clientStreamsMax,
  });
  const { server } = guarded;
  const { maxWatchers, maxCalls, maxRequestBytes, maxReplyBytes } = deps.config.cluster.limits;
  const limits = new CallLimits({
    watchers: new SharedLimit(maxWatchers),
    calls: new SharedLimit(maxCalls),
    requestBytes: new SharedLimit(maxRequestBytes),
  });
  const replies = new ReplyHold(maxReplyBytes);
  const frontend = frontendService({ ...deps, replies });
  server.addService(measured(FrontendService), traced(limits.guard(frontend), tracing));
  refuseEarlyProtocol(server);
  const { absentClientMs } = deps.config.cluster;
  const presence = presenceService({ engine: deps.engine, absentClientMs });
  server.addService(PresenceService, traced(limits.guard(presence), tracing));
  server.addService(AdminService, traced(limits.guard(adminService(deps)), tracing));
  server.addService(
    measured(RegistryService),
    traced(limits.guard(registryService(deps)), tracing),
  );
  server.addService(
    measured(SessionsService),
    traced(limits.guard(sessionsService(deps)), tracing),
  );
  const { logger, trail } = tracing;
  const soon = (act: () => void): void => void setImmediate(act);
  const clients = clientsService({ ...deps, limits, trail, logger, soon });
  server.addService(clientsDefinition, traced(limits.guard(clients), tracing));
  const logs = deps.logs.clientService(findSession(() => deps.engine.state));
  server.addService(LogsService, traced(limits.guard(logs), tracing));
  const services = [
    "flame.v1.Frontend",
    "flame.stream.v1.Clients",
    "flame.client.v1.Presence",
    "flame.admin.v1.Admin",
    "flame.registry.v1.Registry",
    "flame.sessions.v1.Sessions",
    "flame.logs.v1.Logs",
  ];
  return [guarded, addHealthAndReflection(server, services, [storageHealth])];
}

function backendServer(
  deps: ServerDeps,
  { interceptors, connected, watch }: ListenerSecurity,
): OutsideServer {
  const { engine, payloads, tracing, notes, speakers, publishedPrograms, logs, clock } = deps;
  const guarded = guard(deps, {
    interceptors: audited(deps, "backend", interceptors),
    connected,
    watch,
    messageBytesMax: backendReceiveBytesMax,
    // Each executor that waits holds a stream of its node's connection open.
    streamsMax: unlimitedStreams,
  });
  const { server } = guarded;
  const { logger } = tracing;
  const now = (): number => clock.now();
  const service = backendService({
    ...{ engine, payloads, notes, speakers, logs, publishedPrograms, logger, now },
  });
  server.addService(BackendService, traced(service, tracing));
  const { trail } = tracing;
  const nodes = nodesService({ engine, payloads, trail, notes, logs, logger });
  server.addService(nodesDefinition, traced(nodes, tracing));
  server.addService(NodeLogsService, traced(logs.service(), tracing));
  const services = ["flame.v1.Backend", "flame.stream.v1.Nodes", "flame.logs.v1.NodeLogs"];
  return [guarded, addHealthAndReflection(server, services)];
}

/** The audit log stands in front of who refuses calls. */
function audited(
  { audit }: ServerDeps,
  listener: string,
  interceptors: readonly ServerInterceptor[],
): readonly ServerInterceptor[] {
  return audit === undefined ? interceptors : [auditing(audit, listener), ...interceptors];
}

function guard(
  { clock, tracing, connectionTimes }: ServerDeps,
  options: Omit<GuardedServerOptions, "times">,
): GuardedServer {
  const times = connectionTimes ?? {};
  return guardedServer({ clock, logger: tracing.logger }, { ...options, times });
}

type OutsideServer = readonly [server: GuardedServer, outside: ListenerOutside];

/** What waits is told UNAVAILABLE first: otherwise long polls and watches would hold the shutdown up. */
async function stopServing(engine: Engine, guarded: GuardedServer): Promise<void> {
  guarded.close();
  await engine.stop();
  await shutDown(guarded.server, shutdownGraceMs);
}
