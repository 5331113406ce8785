import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import type { Clock, Timer } from "../kit/clock.ts";
import { type ConnectionEnds, connectionKey } from "../kit/connection-ends.ts";
import type { Logger } from "../kit/logger.ts";
import { isHealthCheck } from "./stream-guard.ts";

/** Streams that a connection may have open before its first accepted call. */
export const streamsAtFirst = 128;

/**
 * What the client of a connection may send ahead of its reader, after its first accepted call, in bytes. With the 64 KiB of
 * HTTP/2 both ends waited for each other at every second piece: a put of 64 MiB took twice as long.
 */
export const windowBytes = 1024 * 1024;

/** How long connections live; all in milliseconds. */
export interface ConnectionTimes {
  /** A connection has its first accepted call within this time. */
  readonly firstCallMs: number;
  /** One without any call for so long is ended. */
  readonly idleMs: number;
  /** One from which nothing came for so long is asked whether its client is still there. */
  readonly silenceMs: number;
  /** Its client has so long to answer. */
  readonly answerMs: number;
}

export const connectionTimes: ConnectionTimes = {
  firstCallMs: 30_000,
  idleMs: 3_600_000,
  silenceMs: 30_000,
  answerMs: 30_000,
};

/** A connection that is ended may finish its calls within this time. */
const endGraceMs = 5_000;
/** How often connections are looked at. */
const lookMsMax = 5_000;
const looksPerTime = 4;

interface Connection {
  readonly socket: Socket;
  readonly openedAt: number;
  /** Undefined until TLS is agreed upon. */
  session: ServerHttp2Session | undefined;
  /** When the streams of accepted calls, and the window, were raised; calls of health checks count as calls alone. */
  called: boolean;
  raised: boolean;
  streams: number;
  idleSince: number;
  /** What had come by the last look, and when that was more than before. */
  bytes: number;
  heardAt: number;
  askedAt: number | undefined;
  endAt: number | undefined;
}

/**
 * Looks after the connections of one listener: how many streams each may open, and when one is ended that nobody uses or
 * whose client has vanished. Nothing is asked of a client while something comes from it.
 */
export class ConnectionGuard {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #times: ConnectionTimes;
  readonly #streamsMax: number;
  readonly #connections = new Map<string, Connection>();
  #timer: Timer | undefined;

  /** @param options.streamsMax streams that a connection may have open after its first accepted call */
  constructor(
    deps: { readonly clock: Clock; readonly logger: Logger },
    options: { readonly times: ConnectionTimes; readonly streamsMax: number },
  ) {
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#times = options.times;
    this.#streamsMax = options.streamsMax;
    this.#arm();
  }

  /** Tells which calls were accepted: to stand behind whoever refuses calls. */
  readonly interceptor: ServerInterceptor = ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            this.#accepted(connectionKey(call.getConnectionInfo()), path);
            pass(metadata);
          },
        });
      },
    });

  /** A client has connected. */
  connected(socket: Socket): void {
    const key = connectionKey(socket);
    const now = this.#clock.steady();
    this.#connections.set(key, {
      socket,
      openedAt: now,
      session: undefined,
      called: false,
      raised: false,
      streams: 0,
      idleSince: now,
      bytes: 0,
      heardAt: now,
      askedAt: undefined,
      endAt: undefined,
    });
    socket.once("close", () => this.#connections.delete(key));
  }

  /** It speaks HTTP/2. */
  opened(session: ServerHttp2Session): void {
    const connection = this.#connections.get(connectionKey(session.socket));
    if (connection === undefined) return;
    connection.session = session;
    session.on("stream", (stream) => {
      connection.streams++;
      stream.once("close", () => {
        connection.streams--;
        connection.idleSince = this.#clock.steady();
      });
    });
  }

  /** Ends a connection at once, with its calls. @param key of kit/connection-ends.ts */
  cut(key: string): void {
    // The socket alone: clients would read INTERNAL of streams that are reset before it.
    this.#connections.get(key)?.socket.destroy();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #accepted(key: string, path: string): void {
    const connection = this.#connections.get(key);
    if (connection === undefined) return;
    connection.called = true;
    if (connection.raised || isHealthCheck(path)) return;
    connection.raised = true;
    const { session } = connection;
    if (session === undefined || session.destroyed) return;
    session.settings({ maxConcurrentStreams: this.#streamsMax, initialWindowSize: windowBytes });
    session.setLocalWindowSize(windowBytes);
  }

  #arm(): void {
    const { firstCallMs, idleMs, silenceMs, answerMs } = this.#times;
    const shortest = Math.min(firstCallMs, idleMs, silenceMs, answerMs);
    this.#timer = this.#clock.after(Math.min(lookMsMax, shortest / looksPerTime), () => {
      const now = this.#clock.steady();
      for (const connection of this.#connections.values()) this.#look(connection, now);
      this.#arm();
    });
  }

  #look(connection: Connection, now: number): void {
    const { endAt, called, openedAt, streams, idleSince } = connection;
    const { firstCallMs, idleMs } = this.#times;
    if (endAt !== undefined) {
      if (now >= endAt) this.#cut(connection);
    } else if (!called && now - openedAt >= firstCallMs) this.#end(connection, now);
    else if (called && streams === 0 && now - idleSince >= idleMs) this.#end(connection, now);
    else this.#listen(connection, now);
  }

  /** Lets its calls finish; clients connect again when they need it. */
  #end(connection: Connection, now: number): void {
    connection.endAt = now + endGraceMs;
    const { session } = connection;
    if (session === undefined) this.#cut(connection);
    else if (!session.destroyed) session.close();
  }

  #cut({ session, socket }: Connection): void {
    session?.destroy();
    socket.destroy();
  }

  /** Whether its client is still there. */
  #listen(connection: Connection, now: number): void {
    const { session, askedAt } = connection;
    if (session === undefined || session.destroyed) return;
    const { bytesRead } = session.socket;
    if (bytesRead !== connection.bytes) {
      connection.bytes = bytesRead;
      heard(connection, now);
    } else if (askedAt === undefined && now - connection.heardAt >= this.#times.silenceMs) {
      connection.askedAt = now;
      session.ping((error) => {
        if (error === null) heard(connection, this.#clock.steady());
      });
    } else if (askedAt !== undefined && now - askedAt >= this.#times.answerMs) {
      this.#logger.warn(
        { peer: peerOf(connection.socket), calls: connection.streams },
        "a client has vanished: nothing came from it, and it did not answer; its connection and its calls are ended",
      );
      this.#cut(connection);
    }
  }
}

function heard(connection: Connection, now: number): void {
  connection.heardAt = now;
  connection.askedAt = undefined;
}

function peerOf({ remoteAddress, remotePort }: ConnectionEnds): string {
  return `${remoteAddress}:${remotePort}`;
}
