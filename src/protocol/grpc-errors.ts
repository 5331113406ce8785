import type { Metadata } from "@grpc/grpc-js";
import { errorTable, FlameError } from "../model/errors.ts";
import { retryMetadata } from "./retry-info.ts";

/**
 * Details travel in a header, percent-encoded. Peers refuse headers above some limit, the strictest of them 8 KiB (gRPC's
 * C core, so Python), and then the caller gets another status, or waits forever.
 */
const encodedDetailsMax = 6 * 1024;

/** The status of a call that failed. */
export interface FailureStatus {
  readonly code: number;
  readonly details: string;
  /** Trailing metadata; absent when there is nothing more to say. */
  readonly metadata?: Metadata;
}

/**
 * What a handler answers for an error: the status of the table, the message as details, cut when it is long, and when
 * to come again.
 */
export function statusOf(thrown: unknown): FailureStatus {
  const error = FlameError.from(thrown);
  const code = errorTable[error.code].grpcStatus;
  const details = headerText(error.message);
  if (error.retryAfterMs === undefined) return { code, details };
  return { code, details, metadata: retryMetadata(code, details, error.retryAfterMs) };
}

/** As it fits into a header: not too long, and no half of a character where a text was cut. */
export function headerText(message: string): string {
  const bytes = Buffer.from(message);
  const whole = bytes.toString();
  if (bytes.length <= encodedDetailsMax && encodeURI(whole).length <= encodedDetailsMax)
    return whole;
  // Encoding makes three characters of a byte at most.
  const kept = bytes.subarray(0, encodedDetailsMax / 3).toString();
  return `${kept}... (${bytes.length} bytes)`;
}
