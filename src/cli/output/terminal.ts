import { codeOf } from "../../kit/thrown.ts";

/** Where a tool prints. Handed in, so that tests can read it. */
export interface Terminal {
  /** What was asked for: goes to stdout. */
  out(text: string): void;
  /** Messages about it: goes to stderr. */
  err(text: string): void;
  /** True when a person reads stdout: times are relative then. */
  readonly interactive: boolean;
}

/** The terminal of this process. A reader that stops reading (`| head`) is no error. */
export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (thrown) => {
      if (codeOf(thrown) !== "EPIPE") throw thrown;
    });
  }
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    interactive: process.stdout.isTTY,
  };
}
