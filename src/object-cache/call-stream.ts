import { constants } from "node:http2";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Transfer } from "./transfer-budget.ts";

/** What is needed of the HTTP/2 stream beneath a call. */
interface StreamBeneath {
  readonly destroyed: boolean;
  on(event: "data", listener: (chunk: Buffer) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  write(chunk: Buffer, taken: (error?: Error | null) => void): unknown;
  close(code: number): unknown;
}

/**
 * Counts the bytes of a call as they come in, and lets its client wait while there is no room for more. The library hands
 * over whole messages only, and a message may be a whole object: without this, a hundred clients could fill the memory
 * before the first message is seen.
 * @param onRefused called when there was no room for too long.
 */
export function countIncoming(
  call: ServerDuplexStream<Buffer, unknown>,
  transfer: Transfer,
  onRefused: (refusal: unknown) => void,
): void {
  const stream = streamBeneath(call);
  stream.on("data", (chunk) => {
    transfer.add(chunk.length);
    if (transfer.mayGoOn || transfer.isWaiting) return;
    stream.pause();
    transfer.room().then(() => stream.resume(), onRefused);
  });
}

/** Ends a call whose client does not read: a status would wait behind what is not read. */
export function breakOff(call: object): void {
  streamBeneath(call).close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

/** Interceptors wrap the call that has the stream; the library has no public way to it, so tests hold this to its version. */
export function streamBeneath(call: object): StreamBeneath {
  let inner: unknown = "call" in call ? call.call : undefined;
  while (typeof inner === "object" && inner !== null && "nextCall" in inner) inner = inner.nextCall;
  if (typeof inner === "object" && inner !== null && "stream" in inner) {
    return inner.stream as StreamBeneath;
  }
  throw new Error("this version of the gRPC library hides the stream beneath a call");
}
