import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { type ConnectionEnds, connectionKey } from "../kit/connection-ends.ts";
import type { Authenticate } from "./authentication.ts";
import { ownerOf, type SocketTables, socketTables } from "./connection-owners.ts";
import type { LocalUsers } from "./local-users.ts";

export interface SameUserOptions {
  /** The daemon's own uid. */
  readonly uid: number;
  /** `cluster.security.users`. */
  readonly users: readonly (string | number)[];
  readonly known: LocalUsers;
  /** `cluster.security.clients` or `.nodes`, for texts. */
  readonly key: string;
  /** @default the kernel's */
  readonly tables?: SocketTables;
}

/** Takes calls of the daemon's own user, of root, and of users that the configuration names (docs/security.md, 2.2). */
export class SameUser {
  readonly #options: SameUserOptions;
  readonly #tables: SocketTables;
  readonly #allowed: ReadonlySet<number>;
  readonly #overflow = overflowUid();
  /** By connection, for as long as it is open. */
  readonly #connections = new Map<string, Connection>();
  #connected = 0;
  /** The tables as they were read last, and how many clients had connected by then. */
  #read: { readonly tables: readonly string[]; readonly connected: number } | undefined;

  /** @throws FlameError invalid_config when a user or group is not known here */
  constructor(options: SameUserOptions) {
    this.#options = options;
    this.#tables = options.tables ?? socketTables;
    const named = options.users.flatMap((entry) => options.known.uidsOf(entry));
    this.#allowed = new Set([options.uid, 0, ...named]);
  }

  /** A client has connected. */
  readonly connected = (socket: Socket): void => {
    const key = connectionKey(socket);
    this.#connected++;
    this.#connections.set(key, { order: this.#connected, owner: undefined });
    socket.once("close", () => this.#connections.delete(key));
  };

  readonly authenticate: Authenticate = ({ ends }) => {
    const uid = this.#ownerOf(ends);
    if (uid === "unknown") return this.#unknown(ends);
    if (!this.#allowed.has(uid)) return this.#refused(uid);
    return { name: this.#options.known.nameOf(uid), authenticatedBy: "same-user" };
  };

  #ownerOf(ends: ConnectionEnds): number | "unknown" {
    const connection = this.#connections.get(connectionKey(ends));
    if (connection?.owner !== undefined) return connection.owner;
    const uid = this.#found(ends, connection) ?? this.#readAndFind(ends);
    // Users that a user namespace does not map all have this one.
    const owner = uid === undefined || uid === this.#overflow ? "unknown" : uid;
    if (connection !== undefined) connection.owner = owner;
    return owner;
  }

  /** A reading after it connected tells of it too: else who opens thousands would have the tables read as often. */
  #found(ends: ConnectionEnds, connection: Connection | undefined): number | undefined {
    if (connection === undefined || this.#read === undefined) return undefined;
    const { tables, connected } = this.#read;
    return connected >= connection.order ? ownerOf(ends, tables) : undefined;
  }

  #readAndFind(ends: ConnectionEnds): number | undefined {
    this.#read = { tables: this.#tables(), connected: this.#connected };
    return ownerOf(ends, this.#read.tables);
  }

  #refused(caller: number): string {
    const { uid, users, key, known } = this.#options;
    const allowed = [...new Set([known.nameOf(uid), "root", ...users.map(String)])].join(", ");
    return (
      `this cluster takes calls of the users ${allowed} of its machine, and this one is of ${known.nameOf(caller)}: call as one of them; ` +
      `or let an operator name you in cluster.security.users, or choose ${key}: token, mtls or open (docs/security.md)`
    );
  }

  #unknown({ remoteAddress, remotePort }: ConnectionEnds): string {
    return (
      `${this.#options.key} is same-user, and which user calls from ${remoteAddress}:${remotePort} cannot be told: it is on another machine, ` +
      "in a container or another network namespace, of a user that this one does not map, or it hung up; an operator chooses token, mtls or open for such callers (docs/security.md)"
    );
  }
}

interface Connection {
  /** How many had connected with it. */
  readonly order: number;
  /** Undefined until its first call. */
  owner: number | "unknown" | undefined;
}

function overflowUid(): number {
  try {
    return Number(readFileSync("/proc/sys/kernel/overflowuid", "utf8"));
  } catch {
    return 65_534;
  }
}
