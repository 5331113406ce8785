import type { Role } from "../model/role.ts";

/**
 * What the audit log has of the calls of one RPC (docs/audit.md, 36.3):
 * - `each`: a line for each call, when it has its answer;
 * - `stream`: a line when it opens and one when it ends;
 * - `counted`: the first of a minute as a line, more of the same caller on the same thing as one line with their number;
 * - `refusals`: nothing but the calls that are refused for who makes them;
 * - `nothing`.
 */
export type AuditKind = "each" | "stream" | "counted" | "refusals" | "nothing";

/** Who may make a call, and whether it is written down. */
export interface RpcAccess {
  /**
   * Each of these suffices, and so does a role that holds it. `anyone`: whoever reaches the listener; `accepted`: whoever showed
   * a token or certificate, whatever roles it has.
   */
  readonly roles: readonly Role[] | "anyone" | "accepted";
  /** What changes something that stays, or reads everything of everybody, is written down; tasks are not one by one. */
  readonly audit: AuditKind;
  /** It is about everything there is: a role that is bound to some applications does not suffice. */
  readonly wholeCluster?: true;
}

type Methods = Readonly<Record<string, RpcAccess>>;

const each = (...roles: readonly Role[]): RpcAccess => ({ roles, audit: "each" });
const stream = (...roles: readonly Role[]): RpcAccess => ({ roles, audit: "stream" });
const counted = (...roles: readonly Role[]): RpcAccess => ({ roles, audit: "counted" });
/** Changes little, comes thousands of times a second, or tells of one thing alone. */
const ordinary = (...roles: readonly Role[]): RpcAccess => ({ roles, audit: "refusals" });

/** Probes carry neither token nor certificate, and learn nothing but whether the listener serves. */
const anyone: RpcAccess = { roles: "anyone", audit: "nothing" };
/** What the .proto files say, and that a client is too old, is no secret of the cluster. */
const accepted: RpcAccess = { roles: "accepted", audit: "refusals" };

const byService: Readonly<Record<string, Methods>> = {
  "flame.v1.Frontend": {
    RegisterApplication: each("operator"),
    UnregisterApplication: each("operator"),
    UpdateApplication: each("operator"),
    GetApplication: ordinary("viewer"),
    ListApplication: counted("viewer"),
    ListExecutor: counted("viewer"),
    ListNodes: counted("viewer"),
    GetNode: ordinary("viewer"),
    CreateSession: each("user"),
    DeleteSession: each("user"),
    OpenSession: each("user"),
    CloseSession: each("user"),
    GetSession: ordinary("viewer"),
    ListSession: counted("viewer"),
    CreateTask: counted("user"),
    GetTask: ordinary("viewer"),
    WatchTask: ordinary("viewer"),
    ListTask: counted("viewer"),
  },
  "flame.stream.v1.Clients": { Tasks: stream("user") },
  "flame.client.v1.Presence": { Beat: ordinary("user") },
  "flame.sessions.v1.Sessions": { Cancel: each("user") },
  "flame.logs.v1.Logs": { Follow: stream("viewer") },
  "flame.admin.v1.Admin": {
    ViewCluster: counted("viewer"),
    ReadLogs: stream("viewer"),
    // All that everybody ever submitted.
    Backup: { ...stream("admin"), wholeCluster: true },
    ReadAudit: { ...stream("admin"), wholeCluster: true },
    ReleaseNode: { ...each("operator"), wholeCluster: true },
  },
  "flame.registry.v1.Registry": {
    Apply: each("operator"),
    Get: ordinary("viewer"),
    List: counted("viewer"),
    GetOfSession: ordinary("viewer"),
    ListRevisions: counted("viewer"),
    Rollback: each("operator"),
    Remove: each("operator"),
    Watch: stream("viewer"),
  },
  "flame.v1.Backend": {
    RegisterNode: each("node"),
    ReleaseNode: each("node"),
    SyncNode: ordinary("node"),
    WatchNode: stream("node"),
    RegisterExecutor: counted("node"),
    UnregisterExecutor: counted("node"),
    BindExecutor: ordinary("node"),
    BindExecutorCompleted: ordinary("node"),
    UnbindExecutor: ordinary("node"),
    UnbindExecutorCompleted: ordinary("node"),
    LaunchTask: ordinary("node"),
    CompleteTask: ordinary("node"),
  },
  "flame.stream.v1.Nodes": { Work: stream("node") },
  "flame.logs.v1.NodeLogs": { Serve: stream("node") },
  // Nodes fetch packages and what they import, and keep what lists of packages were resolved to. Objects come and go by the
  // thousand: no put, get or deletion of one is written down.
  "arrow.flight.protocol.FlightService": {
    DoPut: ordinary("user", "node"),
    DoGet: ordinary("user", "node"),
    DoAction: ordinary("user", "node"),
    GetFlightInfo: ordinary("user", "node"),
    GetSchema: ordinary("user", "node"),
    ListFlights: counted("user", "node"),
    ListActions: ordinary("user", "node"),
  },
};

const byWholeService: Methods = {
  "grpc.health.v1.Health": anyone,
  "grpc.reflection.v1.ServerReflection": accepted,
  "grpc.reflection.v1alpha.ServerReflection": accepted,
  // The protocol before flame.v1: its calls are told that they come from a client that is too old.
  "flame.Frontend": accepted,
};

/** What the table says, call by call; services that all may call are left out. */
export const callAccess: ReadonlyMap<string, RpcAccess> = new Map(
  Object.entries(byService).flatMap(([service, methods]) =>
    Object.entries(methods).map(([method, access]) => [`/${service}/${method}`, access]),
  ),
);

/**
 * Who may make a call, and whether it is written down: the one table of all listeners (docs/security.md, 37.1; docs/audit.md).
 * @param path such as `/flame.v1.Frontend/CreateSession`
 * @returns undefined for a call that the table does not have, which nobody may make
 */
export function accessOf(path: string): RpcAccess | undefined {
  return callAccess.get(path) ?? byWholeService[path.slice(1, path.lastIndexOf("/"))];
}
