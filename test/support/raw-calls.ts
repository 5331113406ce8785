import type { DescMethod } from "@bufbuild/protobuf";
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientOptions,
  type ClientReadableStream,
  credentials,
  type ServiceError,
} from "@grpc/grpc-js";

/** How one call ended: a gRPC status, 0 for OK. */
export interface Outcome {
  readonly code: number;
  readonly details: string;
}

/** So long a call may take before it counts as hanging, in milliseconds. */
const callTimeoutMs = 10_000;
const ok: Outcome = { code: 0, details: "" };
const same = (bytes: Buffer): Buffer => bytes;

/** Calls with requests as bytes, which may be anything. Replies are read and dropped. */
export class RawClient {
  readonly #client: Client;

  constructor(
    address: string,
    options: ClientOptions = {},
    channel: ChannelCredentials = credentials.createInsecure(),
  ) {
    this.#client = new Client(address, channel, {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      ...options,
    });
  }

  /** Until the server takes connections, which is a moment after its socket is there. Calls before that would all fail. */
  ready(withinMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + withinMs, (error) =>
        error === undefined ? resolve() : reject(error),
      );
    });
  }

  /** Sends one request; a reply stream that stays open after its first message has ended well. */
  send(method: DescMethod, request: Buffer, withinMs = callTimeoutMs): Promise<Outcome> {
    const path = `/${method.parent.typeName}/${method.name}`;
    const options: CallOptions = { deadline: Date.now() + withinMs };
    return new Promise((resolve) => {
      const ended = (error: Partial<ServiceError> | null): void =>
        resolve(error === null ? ok : { code: error.code ?? -1, details: error.details ?? "" });
      const listen = (call: ClientReadableStream<Buffer>): void => {
        call.on("data", () => {
          resolve(ok);
          call.cancel();
        });
        call.on("error", ended);
        call.on("status", ended);
      };
      if (method.methodKind === "unary") {
        this.#client.makeUnaryRequest(path, same, same, request, options, ended);
      } else if (method.methodKind === "server_streaming") {
        listen(this.#client.makeServerStreamRequest(path, same, same, request, options));
      } else if (method.methodKind === "bidi_streaming") {
        const call = this.#client.makeBidiStreamRequest(path, same, same, options);
        listen(call);
        call.write(request);
        call.end();
      } else {
        throw new Error(`${path}: client streams are not called yet`);
      }
    });
  }

  close(): void {
    this.#client.close();
  }
}
