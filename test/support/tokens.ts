import type { CallToken, StreamToken } from "../../src/kit/turn.ts";

/** A token as the engine makes them, for a test that has no engine. */
export function callToken<R>(number: number): CallToken<R> {
  return number as CallToken<R>;
}

/** A token of a stream, for a test that has no engine. */
export function streamToken<P>(number: number): StreamToken<P> {
  return number as StreamToken<P>;
}
