import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { encodeObjectRef } from "../protocol/flight/object-ref.ts";
import {
  type SmallAnswer,
  type SmallRequest,
  smallCallBytesMax,
  smallSocket,
  socketPathBytesMax,
} from "../protocol/small-calls.ts";
import type { ObjectCache } from "./object-cache.ts";
import { parseObjectKey, parsePutTarget } from "./object-key.ts";
import { SmallConnection } from "./small-connection.ts";

/** Each holds some requests: what is shared is bounded. */
const CONNECTIONS_MAX = 128;

export interface SmallDoorDeps {
  readonly cache: ObjectCache;
  readonly logger: Logger;
  /** Makes object ids of puts that name none. */
  readonly newId: () => string;
  /** What object references say. */
  readonly advertised: () => string;
}

/**
 * Where clients of this host and user put and get small objects (docs/object-cache.md, section 12): a call of gRPC costs some
 * hundred times the work of the cache for one. Who reaches the socket can read the folder, which is closed to others.
 */
export class SmallDoor {
  readonly #deps: SmallDoorDeps;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(deps: SmallDoorDeps) {
    this.#deps = deps;
    this.#server = createServer((socket) => this.#admit(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** @returns undefined where the folder's path is too long for a socket: clients use calls then. */
  static async open(deps: SmallDoorDeps, folder: string): Promise<SmallDoor | undefined> {
    const path = join(folder, smallSocket);
    if (Buffer.byteLength(path) > socketPathBytesMax) {
      deps.logger.info(
        { path },
        "the path is too long for a unix socket: small objects take calls",
      );
      return undefined;
    }
    const door = new SmallDoor(deps);
    // What a killed cache left; this one has the lock of the folder.
    await rm(path, { force: true });
    await door.#listen(path);
    return door;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listen(path: string): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen({ path }, resolve);
      });
      await chmod(path, 0o600);
    } catch (cause) {
      const text = `the object cache cannot listen on the unix socket "${path}": ${textOf(cause)}; check cache.storage`;
      throw new FlameError("invalid_config", text, { cause });
    }
  }

  #admit(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    new SmallConnection(socket, (request) => this.#answer(request));
  }

  async #answer(request: SmallRequest): Promise<SmallAnswer> {
    try {
      return await (request.kind === "put" ? this.#put(request) : this.#get(request));
    } catch (thrown) {
      const { code, message } = FlameError.from(thrown);
      this.#deps.logger.debug({ operation: request.kind, code, reason: message }, "left to a call");
      return { kind: "byCall" };
    }
  }

  async #put({ path, durable, data }: SmallRequest & { kind: "put" }): Promise<SmallAnswer> {
    const { cache, logger, newId, advertised } = this.#deps;
    const target = parsePutTarget(path, newId, durable);
    const writer = cache.createWriter(durable);
    try {
      await writer.append(data);
      const draft = { ...target, operation: "put", format: "opaque" } as const;
      const version = await cache.commit(draft, writer, data);
      const { text: key } = target.key;
      logger.debug({ operation: "put", key, version }, "stored an object");
      return { kind: "put", ref: encodeObjectRef({ endpoint: advertised(), key, version }) };
    } finally {
      await writer.abort();
    }
  }

  async #get({ path, version }: SmallRequest & { kind: "get" }): Promise<SmallAnswer> {
    const { cache } = this.#deps;
    const key = parseObjectKey(path);
    const record = cache.find(key);
    const isPlain = record?.base.format === "opaque" && record.patches.length === 0;
    if (!isPlain || record.base.size > smallCallBytesMax) return { kind: "byCall" };
    const view = cache.view(key, version);
    try {
      const [piece] = view.pieces;
      if (piece === undefined) return { kind: "unchanged" };
      const data = Buffer.alloc(piece.size);
      const reader = await cache.openPiece(piece);
      await reader.read(data).finally(() => reader.close());
      cache.remember(piece, data);
      return { kind: "full", version: piece.version, data };
    } finally {
      await view.release();
    }
  }
}
