import type { ClientDuplexStream, ClientReadableStream } from "@grpc/grpc-js";
import { FlameError } from "../model/errors.ts";
import type { PutResult } from "../protocol/generated/arrow/flight/flight.ts";
import { fromRpcError, type RpcFailure } from "./rpc-error.ts";

/**
 * Sends the messages of a put, each when the transport took the one before, and awaits the answer.
 * @param host that is called
 * @throws FlameError with the server's text; whatever was not sent by then stays unsent.
 */
export async function sendPut(
  call: ClientDuplexStream<Buffer, PutResult>,
  messages: AsyncIterable<Buffer> | Iterable<Buffer>,
  host: string,
): Promise<PutResult> {
  const answer = firstAnswer(call, host);
  // A refusal comes while messages are still under way; it is reported below, not as unhandled.
  const settled = answer.then(
    () => true,
    () => true,
  );
  try {
    for await (const message of messages) {
      const written = new Promise<boolean>((resolve) => {
        call.write(message, () => resolve(false));
      });
      if (await Promise.race([settled, written])) break;
    }
  } catch (thrown) {
    call.cancel();
    await settled;
    throw thrown;
  }
  call.end();
  return await answer;
}

/**
 * All messages of an answer, in order.
 * @param host that is called
 */
export function collect<T>(call: ClientReadableStream<T>, host: string): Promise<T[]> {
  const messages: T[] = [];
  return new Promise((resolve, reject) => {
    call.on("data", (message: T) => messages.push(message));
    call.on("error", (error: RpcFailure) => reject(fromRpcError(error, host)));
    call.on("end", () => resolve(messages));
  });
}

function firstAnswer(
  call: ClientDuplexStream<Buffer, PutResult>,
  host: string,
): Promise<PutResult> {
  let first: PutResult | undefined;
  return new Promise((resolve, reject) => {
    call.on("data", (result: PutResult) => {
      first ??= result;
    });
    call.on("error", (error: RpcFailure) => reject(fromRpcError(error, host)));
    // Only the status at the end says that the put was done.
    call.on("end", () => {
      if (first !== undefined) resolve(first);
    });
    call.on("status", ({ code }: { code: number }) => {
      if (code === 0 && first === undefined) {
        reject(new FlameError("internal", "the object cache ended a put without an answer"));
      }
    });
  });
}
