import { codeOf, textOf } from "../../kit/thrown.ts";
import { errorTable } from "../../model/errors.ts";

/** Where a tool prints. Handed in, so that tests can read it. */
export interface Terminal {
  /** What was asked for: goes to stdout. */
  out(text: string): void;
  /** Messages about it: goes to stderr. */
  err(text: string): void;
  /** True when a person reads stdout: times are relative then. */
  readonly interactive: boolean;
}

/**
 * The terminal of this process. A reader that stops reading (`| head`) is no error; what cannot be written otherwise,
 * such as to a file on a full disk, ends the process with one line of error.
 */
export function processTerminal(): Terminal {
  process.stdout.on("error", (thrown) => {
    if (codeOf(thrown) === "EPIPE") return;
    const text = `standard output cannot be written: ${textOf(thrown)}; what was printed is not complete`;
    process.stderr.write(`Error: ${text}\n`);
    process.exit(errorTable.internal.exitCode);
  });
  // There is no place left to say anything in.
  process.stderr.on("error", (thrown) => {
    if (codeOf(thrown) !== "EPIPE") process.exit(errorTable.internal.exitCode);
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    interactive: process.stdout.isTTY,
  };
}

// eslint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * The same terminal, which texts of servers and of other users cannot steer: a person gets no control characters but
 * ends of lines and tabs. A file or program gets stdout as it is.
 */
export function withoutControlCharacters(terminal: Terminal): Terminal {
  const plain = (text: string): string => text.replaceAll(CONTROL_CHARACTERS, "");
  return {
    interactive: terminal.interactive,
    out: (text) => terminal.out(terminal.interactive ? plain(text) : text),
    err: (text) => terminal.err(plain(text)),
  };
}
