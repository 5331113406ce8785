import { type ClientHttp2Session, connect } from "node:http2";
import type { MethodDefinition } from "@grpc/grpc-js";

const windowBytes = 8 * 1024 * 1024;
const sessionWindowBytes = 64 * 1024 * 1024;
const messageHeaderBytes = 5;

/** A client that asks and takes not a byte of what it is answered, until it is told to. */
export class NeverReads {
  readonly #session: ClientHttp2Session;
  #answers = 0;

  /** @param address `HOST:PORT` */
  constructor(address: string) {
    this.#session = connect(`http://${address}`, { settings: { initialWindowSize: 0 } });
    this.#session.on("error", () => undefined);
  }

  /** Calls that were answered to their end. */
  get answers(): number {
    return this.#answers;
  }

  ask<Q, A>({ path, requestSerialize }: MethodDefinition<Q, A>, request: Q): void {
    const body = requestSerialize(request);
    const message = Buffer.alloc(messageHeaderBytes + body.length);
    message.writeUInt32BE(body.length, 1);
    message.set(body, messageHeaderBytes);
    const call = this.#session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    call.on("trailers", () => this.#answers++);
    call.on("error", () => undefined);
    call.end(message);
    call.resume();
  }

  /** From now on it takes everything. */
  read(): void {
    this.#session.settings({ initialWindowSize: windowBytes });
    this.#session.setLocalWindowSize(sessionWindowBytes);
  }

  close(): void {
    this.#session.destroy();
  }
}
