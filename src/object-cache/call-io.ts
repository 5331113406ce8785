import { setImmediate } from "node:timers/promises";
import { Metadata, type ServerDuplexStream, type ServerWritableStream } from "@grpc/grpc-js";
import { errorTable, FlameError } from "../model/errors.ts";
import { retryMetadata } from "../protocol/retry-info.ts";

/** Longest error text on the wire: clients refuse trailers beyond some 8 KiB. Unit: characters. */
const STATUS_TEXT_MAX = 1000;

/** A FlameError as the status of a call. */
export function toStatus(thrown: unknown): { code: number; details: string; metadata?: Metadata } {
  const error = FlameError.from(thrown);
  const shown = error.message.slice(0, STATUS_TEXT_MAX);
  // Half a surrogate pair at the cut would break the encoding of the trailer.
  const details = Buffer.from(shown).toString();
  const code = errorTable[error.code].grpcStatus;
  if (error.retryAfterMs === undefined) return { code, details };
  return { code, details, metadata: retryMetadata(code, details, error.retryAfterMs) };
}

/** Ends a streaming call with a failure. */
export function fail(
  call: { emit(event: "error", status: object): boolean },
  thrown: unknown,
): void {
  call.emit("error", toStatus(thrown));
}

/**
 * Hands over every message of a client stream, one at a time: the next one is read when `take` is done with the last.
 * @returns whether the client ended the stream; false when it has gone away before.
 * @throws what `take` throws; what still comes from the client is then dropped.
 */
export function forEachMessage<Request, Response>(
  call: ServerDuplexStream<Request, Response>,
  take: (message: Request) => Promise<void>,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let failed = false;
    let taken: Promise<void> = Promise.resolve();
    call.on("data", (message: Request) => {
      if (failed) return;
      call.pause();
      taken = take(message).then(
        () => {
          call.resume();
        },
        (thrown: unknown) => {
          failed = true;
          call.resume();
          reject(FlameError.from(thrown));
        },
      );
    });
    call.on("end", () => void taken.then(() => isStillThere(call)).then(resolve));
    call.on("close", () => void taken.then(() => resolve(false)));
  });
}

/**
 * The library reports the end of a stream also when the client was killed or cancelled in the middle; what came by then
 * must not be taken for everything. Sending the headers makes it look at the connection, and `cancelled` then tells.
 */
async function isStillThere<Request, Response>(
  call: ServerDuplexStream<Request, Response>,
): Promise<boolean> {
  call.sendMetadata(new Metadata());
  await setImmediate();
  return !call.cancelled;
}

/**
 * Writes one message and waits until the transport took it: a slow client holds back its own stream only.
 * @returns false when the client has gone away.
 */
export function send<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  message: Response,
): Promise<boolean> {
  if (call.cancelled || call.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const gone = (): void => resolve(false);
    call.once("close", gone);
    call.write(message, (error?: Error | null) => {
      call.off("close", gone);
      resolve(error === undefined || error === null);
    });
  });
}
