import { errorTable, FlameError } from "../model/errors.ts";

/** What a handler answers for an error: the status of the table, the message as details. */
export function statusOf(thrown: unknown): { code: number; details: string } {
  const error = FlameError.from(thrown);
  return { code: errorTable[error.code].grpcStatus, details: error.message };
}
