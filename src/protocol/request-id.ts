/**
 * Metadata that names one request of a client through the logs of every daemon that has a part in it
 * (docs/protocol.md, "Seen from outside").
 */
export const requestIdKey = "flame-request-id";

/** What may stand in a log line and in metadata: printable, without spaces, 128 characters at most. */
const WELL_FORMED = /^[\x21-\x7e]{1,128}$/;

/** The id among the values of one key of metadata; undefined when there is none that can be used. */
export function readPrintable(values: readonly (string | Buffer)[]): string | undefined {
  const [value] = values;
  return typeof value === "string" && WELL_FORMED.test(value) ? value : undefined;
}
