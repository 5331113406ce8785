import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";

/** A message as gRPC frames it. @param compressed sets the flag that says so; the bytes are taken as they are */
export function framed(message: Uint8Array, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** What one stream ended with. */
export interface StreamEnd {
  /** Of the trailers, or of headers that are trailers too; undefined when none came. */
  readonly grpcStatus: number | undefined;
  readonly grpcMessage: string | undefined;
  /** The code of RST_STREAM, 0 without one. */
  readonly resetCode: number;
}

/**
 * gRPC over node:http2 alone, so that a test can do what no gRPC library does: leave streams half open, reset them at a
 * message, send bodies of its own making.
 */
export class PlainClient {
  readonly session: ClientHttp2Session;
  /** The code of the GOAWAY that the server sent. */
  goaway: number | undefined;
  closed = false;

  constructor(endpoint: string) {
    this.session = connect(endpoint, { settings: { enablePush: false }, maxSessionMemory: 1024 });
    this.session.on("goaway", (code: number) => {
      this.goaway = code;
    });
    this.session.on("close", () => {
      this.closed = true;
    });
    this.session.on("error", () => undefined);
  }

  /** Sends the headers of a call alone: the stream stays half open. */
  open(path: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => undefined);
    return stream;
  }

  /** The whole request of a call with one message. */
  send(path: string, message: Uint8Array, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
    const stream = this.open(path, headers);
    stream.end(framed(message));
    return stream;
  }

  destroy(): void {
    this.session.destroy();
  }
}

/** Reads a stream to its end and drops what comes. */
export function endOf(stream: ClientHttp2Stream): Promise<StreamEnd> {
  return new Promise((resolve) => {
    let last: IncomingHttpHeaders = {};
    const take = (headers: IncomingHttpHeaders): void => {
      last = { ...last, ...headers };
    };
    stream.on("response", take);
    stream.on("trailers", take);
    stream.resume();
    stream.on("close", () => {
      const status = last["grpc-status"];
      const message = last["grpc-message"];
      resolve({
        grpcStatus: status === undefined ? undefined : Number(status),
        grpcMessage:
          message === undefined ? undefined : decodeURIComponent([message].flat().join()),
        resetCode: stream.rstCode ?? constants.NGHTTP2_NO_ERROR,
      });
    });
  });
}

/** Calls `take` with each whole message of a stream, as it comes. */
export function onMessage(stream: ClientHttp2Stream, take: (message: Buffer) => void): void {
  let held = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 5 && held.length >= 5 + held.readUInt32BE(1)) {
      const end = 5 + held.readUInt32BE(1);
      const message = held.subarray(5, end);
      held = held.subarray(end);
      take(message);
    }
  });
}
