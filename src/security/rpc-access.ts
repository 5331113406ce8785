import type { Role } from "../model/role.ts";

/** Who may make a call, and whether it changes something that stays or that others see. */
export interface RpcAccess {
  /**
   * Each of these suffices, and so does a role that holds it. `anyone`: whoever reaches the listener; `accepted`: whoever showed
   * a token or certificate, whatever roles it has.
   */
  readonly roles: readonly Role[] | "anyone" | "accepted";
  /** Of two calls that are alike, one that only looks is not worth a record. */
  readonly changes: boolean;
}

type Methods = Readonly<Record<string, RpcAccess>>;

const reads = (...roles: readonly Role[]): RpcAccess => ({ roles, changes: false });
const changes = (...roles: readonly Role[]): RpcAccess => ({ roles, changes: true });

/** Probes carry neither token nor certificate, and learn nothing but whether the listener serves. */
const anyone: RpcAccess = { roles: "anyone", changes: false };
/** What the .proto files say, and that a client is too old, is no secret of the cluster. */
const accepted: RpcAccess = { roles: "accepted", changes: false };

const byService: Readonly<Record<string, Methods>> = {
  "flame.v1.Frontend": {
    RegisterApplication: changes("operator"),
    UnregisterApplication: changes("operator"),
    UpdateApplication: changes("operator"),
    GetApplication: reads("viewer"),
    ListApplication: reads("viewer"),
    ListExecutor: reads("viewer"),
    ListNodes: reads("viewer"),
    GetNode: reads("viewer"),
    CreateSession: changes("user"),
    DeleteSession: changes("user"),
    OpenSession: changes("user"),
    CloseSession: changes("user"),
    GetSession: reads("viewer"),
    ListSession: reads("viewer"),
    CreateTask: changes("user"),
    GetTask: reads("viewer"),
    WatchTask: reads("viewer"),
    ListTask: reads("viewer"),
  },
  "flame.stream.v1.Clients": { Tasks: changes("user") },
  "flame.client.v1.Presence": { Beat: changes("user") },
  "flame.sessions.v1.Sessions": { Cancel: changes("user") },
  "flame.logs.v1.Logs": { Follow: reads("viewer") },
  "flame.admin.v1.Admin": {
    ViewCluster: reads("viewer"),
    ReadLogs: reads("viewer"),
    // All that everybody ever submitted.
    Backup: reads("admin"),
    ReleaseNode: changes("operator"),
  },
  "flame.registry.v1.Registry": {
    Apply: changes("operator"),
    Get: reads("viewer"),
    List: reads("viewer"),
    GetOfSession: reads("viewer"),
    ListRevisions: reads("viewer"),
    Rollback: changes("operator"),
    Remove: changes("operator"),
    Watch: reads("viewer"),
  },
  "flame.v1.Backend": {
    RegisterNode: changes("node"),
    ReleaseNode: changes("node"),
    SyncNode: changes("node"),
    WatchNode: changes("node"),
    RegisterExecutor: changes("node"),
    UnregisterExecutor: changes("node"),
    BindExecutor: changes("node"),
    BindExecutorCompleted: changes("node"),
    UnbindExecutor: changes("node"),
    UnbindExecutorCompleted: changes("node"),
    LaunchTask: changes("node"),
    CompleteTask: changes("node"),
  },
  "flame.stream.v1.Nodes": { Work: changes("node") },
  "flame.logs.v1.NodeLogs": { Serve: changes("node") },
  // Nodes fetch packages and what they import, and keep what lists of packages were resolved to.
  "arrow.flight.protocol.FlightService": {
    DoPut: changes("user", "node"),
    DoGet: reads("user", "node"),
    DoAction: changes("user", "node"),
    GetFlightInfo: reads("user", "node"),
    GetSchema: reads("user", "node"),
    ListFlights: reads("user", "node"),
    ListActions: reads("user", "node"),
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
 * Who may make a call: the one table of all listeners (docs/security.md, 37.1).
 * @param path such as `/flame.v1.Frontend/CreateSession`
 * @returns undefined for a call that the table does not have, which nobody may make
 */
export function accessOf(path: string): RpcAccess | undefined {
  return callAccess.get(path) ?? byWholeService[path.slice(1, path.lastIndexOf("/"))];
}
