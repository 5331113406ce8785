import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { Server, type ServerInterceptor } from "@grpc/grpc-js";
import type { Clock, Timer } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import {
  ConnectionGuard,
  type ConnectionTimes,
  connectionTimes,
  streamsAtFirst,
} from "./connection-guard.ts";
import { lastMessageWithStatus } from "./last-message.ts";
import { guardStream, type StreamPolicy } from "./stream-guard.ts";

/** Clients queue beyond it; a listener of nodes has none. */
export const clientStreamsMax = 4_096;
/** As HTTP/2 says it. */
export const unlimitedStreams = 0x7fff_ffff;

interface WatchDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends a connection at once, by its key (kit/connection-ends.ts). */
  readonly cut: (connection: string) => void;
}

export interface GuardedServerOptions {
  /** Who refuses calls. */
  readonly interceptors: readonly ServerInterceptor[];
  /** To be told of each connection, before anything of it is read. */
  readonly connected?: ((socket: Socket) => void) | undefined;
  /** Begins with the server, and may end connections. @default nothing does */
  readonly watch?: (deps: WatchDeps) => Timer;
  /** Bytes of one message. */
  readonly messageBytesMax: number;
  /** Streams that a connection may have open after its first accepted call. */
  readonly streamsMax: number;
  /** @default no call has a limit of its own */
  readonly requestBytesMax?: StreamPolicy["requestBytesMax"];
  /** @default {@link connectionTimes} */
  readonly times?: Partial<ConnectionTimes>;
}

/** A gRPC server whose connections and streams are bounded (docs/security.md, "What a connection may do"). */
export interface GuardedServer {
  readonly server: Server;
  /** To be called once it is bound, before anybody has connected. */
  guard(): void;
  /** Looks after nothing any more. */
  close(): void;
}

export function guardedServer(
  deps: { readonly clock: Clock; readonly logger: Logger },
  options: GuardedServerOptions,
): GuardedServer {
  const connections = new ConnectionGuard(deps, {
    times: { ...connectionTimes, ...options.times },
    streamsMax: options.streamsMax,
  });
  const server = new Server({
    interceptors: [...options.interceptors, connections.interceptor, lastMessageWithStatus],
    "grpc.max_receive_message_length": options.messageBytesMax,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": streamsAtFirst,
  });
  let watch: Timer | undefined;
  const policy = { requestBytesMax: options.requestBytesMax ?? (() => undefined) };
  return {
    server,
    guard: () => {
      for (const http2 of http2ServersOf(server)) {
        attach(http2, connections, policy);
        if (options.connected !== undefined) http2.prependListener("connection", options.connected);
      }
      watch = options.watch?.({ ...deps, cut: (key) => connections.cut(key) });
    },
    close: () => {
      watch?.cancel();
      connections.close();
    },
  };
}

type StreamHandler = (stream: ServerHttp2Stream, ...rest: unknown[]) => void;

function attach(http2: Http2Server, connections: ConnectionGuard, policy: StreamPolicy): void {
  http2.prependListener("connection", (socket: Socket) => {
    connections.connected(socket);
  });
  http2.prependListener("session", (session: ServerHttp2Session) => {
    connections.opened(session);
  });
  const handlers = http2.listeners("stream") as StreamHandler[];
  http2.removeAllListeners("stream");
  http2.on("stream", (stream, headers, ...rest) => {
    if (!guardStream(stream, headers, policy)) return;
    for (const handle of handlers) handle(stream, headers, ...rest);
  });
}

/** The library has no public way to them, so tests hold this to its version. */
function http2ServersOf(server: object): Http2Server[] {
  const servers = (server as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> })
    .http2Servers;
  if (servers === undefined || servers.size === 0) {
    throw new Error("this version of the gRPC library hides the HTTP/2 servers beneath a server");
  }
  return [...servers.keys()];
}
