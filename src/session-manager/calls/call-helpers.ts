import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import type { Caller } from "../../model/caller.ts";
import { FlameError } from "../../model/errors.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";
import { callerOf } from "../../security/authentication.ts";
import type { Engine } from "../engine/engine.ts";
import type { EngineDoor } from "../engine/engine-door.ts";

/** A handler of grpc-js around a function that returns the reply or throws a FlameError. */
export function unary<Q, A>(
  handle: (request: Q, call: ServerUnaryCall<Q, A>) => Promise<A> | A,
): (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>) => void {
  return (call, callback) => {
    void (async () => {
      try {
        callback(null, await handle(call.request, call));
      } catch (thrown) {
        callback(statusOf(thrown));
      }
    })();
  };
}

/** The door of whoever calls: in turn with others, and to as much as its roles allow. */
export function doorOf(
  engine: Pick<Engine, "of">,
  call: Parameters<typeof callerOf>[0],
): EngineDoor {
  return engine.of(call.getPeer(), callerOf(call));
}

/** A caller as the author of a revision. */
export function authorOf({ name, from }: Caller): string {
  return `${name} (${from})`;
}

/** Ends a server stream with the status of an error. */
export function failStream<Q, A>(call: ServerWritableStream<Q, A>, thrown: unknown): void {
  call.emit("error", statusOf(thrown));
}

/** The value of a message field that must be there. @throws FlameError invalid_argument naming it. */
export function requiredField<T>(value: T | undefined, field: string, call: string): T {
  if (value !== undefined) return value;
  throw new FlameError("invalid_argument", `${call}: ${field} is missing`);
}

/** A stream that says when it can take more. */
export interface Drainable {
  on(event: "drain" | "close" | "cancelled", listener: () => void): unknown;
  off(event: "drain" | "close" | "cancelled", listener: () => void): unknown;
}

/** Waits until the client has read enough, or has gone away: then it never drains. */
export function drained(call: Drainable): Promise<void> {
  const events = ["drain", "close", "cancelled"] as const;
  return new Promise((resolve) => {
    const proceed = (): void => {
      for (const event of events) call.off(event, proceed);
      resolve();
    };
    for (const event of events) call.on(event, proceed);
  });
}
