import type { Metadata, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { FlameError } from "../../model/errors.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";
import { callerOf } from "../../security/authentication.ts";
import type { SharedLimit } from "./shared-limit.ts";

/** How much clients may have under way; docs/protocol.md, "Overload". */
export interface ClientLimits {
  /** WatchTask streams. */
  readonly watchers: SharedLimit;
  /** All other calls. */
  readonly calls: SharedLimit;
  /** Bytes of the requests of all of them. */
  readonly requestBytes: SharedLimit;
}

/** Calls that last as long as their client wants. */
const watches = new Set(["watchTask", "watch", "tasks", "follow"]);

/** Smaller requests are not counted: the number of calls bounds them. */
const smallRequestBytes = 4 * 1024;
/** A watch lasts as long as its task; other calls are over in a moment. */
const retryWatchMs = 5_000;
const retryCallMs = 500;

/** What somebody has under way. */
interface Counts {
  calls: number;
  watchers: number;
}

/** Everything of one client: its certificate's subject, or all connections of one address. */
interface Client extends Counts {
  connections: number;
}

interface Connection extends Counts {
  requestBytes: number;
  readonly client: Client;
  readonly clientKey: string;
}

interface Call {
  readonly request?: unknown;
  readonly metadata: Metadata;
  getPeer(): string;
  once(event: "cancelled", listener: () => void): unknown;
  emit(event: "error", status: unknown): boolean;
}

type Handler = (call: Call, callback?: (error: unknown) => void) => void;

/** Sizes of large requests, in bytes, as they came off the wire. */
const requestSizes = new WeakMap<object, number>();

/**
 * Counts what the clients of one listener have under way, by client and by connection, and refuses what is too much.
 * Bytes of requests are counted by connection alone: they are there for a moment only.
 */
export class CallLimits {
  readonly #limits: ClientLimits;
  readonly #clients = new Map<string, Client>();
  readonly #connections = new Map<string, Connection>();

  constructor(limits: ClientLimits) {
    this.#limits = limits;
  }

  /** The same service behind these limits; refusals are RESOURCE_EXHAUSTED with a delay. */
  guard<T extends UntypedServiceImplementation>(service: T): T {
    const handlers = Object.entries(service).map(([rpc, handler]) => [
      rpc,
      this.#guarded(rpc, handler as Handler),
    ]);
    return Object.fromEntries(handlers) as T;
  }

  /**
   * Counts bytes that came on a stream which is under way, as those of a request are.
   * @returns gives them back
   * @throws FlameError resource_exhausted
   */
  takeBytes(peer: string, bytes: number): () => void {
    const connection = this.#connections.get(peer);
    if (connection === undefined || bytes < smallRequestBytes) return () => undefined;
    this.#checkBytes(connection, bytes);
    const { requestBytes } = this.#limits;
    connection.requestBytes += bytes;
    requestBytes.take(bytes);
    return () => {
      connection.requestBytes -= bytes;
      requestBytes.giveBack(bytes);
    };
  }

  #checkBytes(connection: Connection, bytes: number): void {
    const { requestBytes } = this.#limits;
    // A single large request always gets through: somebody has to be the first.
    const first = connection.requestBytes === 0 && requestBytes.free > 0;
    if (bytes > 0 && !first && !requestBytes.allows(connection.requestBytes, bytes))
      throw tooManyBytes(bytes, connection.requestBytes, requestBytes);
  }

  #guarded(rpc: string, handler: Handler): Handler {
    const kind = watches.has(rpc) ? "watchers" : "calls";
    return (call, callback) => {
      const bytes = requestSizes.get(call.request as object) ?? 0;
      try {
        this.#enter(call, kind, bytes);
      } catch (thrown) {
        if (callback === undefined) call.emit("error", statusOf(thrown));
        else callback(statusOf(thrown));
        return;
      }
      handler(call, callback);
    };
  }

  /** @throws FlameError resource_exhausted */
  #enter(call: Call, kind: keyof Counts, bytes: number): void {
    const peer = call.getPeer();
    const connection = this.#connections.get(peer) ?? this.#connectionOf(call);
    const { client } = connection;
    const limit = this.#limits[kind];
    const { requestBytes } = this.#limits;
    if (!limit.allowsConnection(connection[kind], client[kind], 1))
      throw tooMany(kind, connection, limit);
    this.#checkBytes(connection, bytes);
    if (!this.#connections.has(peer)) this.#add(peer, connection);
    connection[kind]++;
    client[kind]++;
    connection.requestBytes += bytes;
    limit.take(1);
    requestBytes.take(bytes);
    // grpc-js tells every end of a call so: answered and read, failed, or left.
    call.once("cancelled", () => {
      connection[kind]--;
      client[kind]--;
      connection.requestBytes -= bytes;
      limit.giveBack(1);
      requestBytes.giveBack(bytes);
      if (connection.calls + connection.watchers === 0) this.#remove(peer, connection);
    });
  }

  #connectionOf(call: Call): Connection {
    const clientKey = clientOf(call);
    const client = this.#clients.get(clientKey) ?? { calls: 0, watchers: 0, connections: 0 };
    return { calls: 0, watchers: 0, requestBytes: 0, client, clientKey };
  }

  #add(peer: string, connection: Connection): void {
    this.#connections.set(peer, connection);
    this.#clients.set(connection.clientKey, connection.client);
    connection.client.connections++;
  }

  #remove(peer: string, { client, clientKey }: Connection): void {
    this.#connections.delete(peer);
    client.connections--;
    if (client.connections === 0) this.#clients.delete(clientKey);
  }
}

/** A certificate names its owner wherever that is; tokens and open listeners name nobody, so their address does. */
function clientOf(call: Call): string {
  const { name, from, authenticatedBy } = callerOf(call);
  return authenticatedBy === "mtls" ? name : `${name} ${from.replace(/:\d+$/, "")}`;
}

/** The same service definition, which remembers how large each request was. */
export function measured<T extends ServiceDefinition>(definition: T): T {
  const methods = Object.entries(definition).map(([name, method]) => [
    name,
    {
      ...method,
      requestDeserialize: (bytes: Buffer): unknown => {
        const request: unknown = method.requestDeserialize(bytes);
        if (bytes.length >= smallRequestBytes) requestSizes.set(request as object, bytes.length);
        return request;
      },
    },
  ]);
  return Object.fromEntries(methods) as T;
}

const names = {
  watchers: { what: "watches", key: "max_watchers", retryAfterMs: retryWatchMs },
  calls: { what: "calls", key: "max_calls", retryAfterMs: retryCallMs },
} as const;

function tooMany(
  kind: keyof Counts,
  { [kind]: own, client: { [kind]: all } }: Connection,
  { max, free }: SharedLimit,
): FlameError {
  const { what, key, retryAfterMs } = names[kind];
  return new FlameError(
    "resource_exhausted",
    `too many ${what}: this connection has ${own} under way, its client ${all}, and of the ${max} that all clients share (cluster.limits.${key}) ${free} are free; a client may have as many as are free, and a connection as many as its client has left: wait until some have ended`,
    { retryAfterMs },
  );
}

function tooManyBytes(bytes: number, own: number, { max, free }: SharedLimit): FlameError {
  return new FlameError(
    "resource_exhausted",
    `too many bytes at once: this request has ${bytes}, this connection ${own} under way, and of the ${max} that all clients share (cluster.limits.max_request_bytes) ${free} are free; a connection may have as many as are free: send fewer large inputs at once, or put the objects into the cache`,
    { retryAfterMs: retryCallMs },
  );
}
