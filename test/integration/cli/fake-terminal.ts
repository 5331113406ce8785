import { type CliContext, processContext } from "../../../src/cli/context.ts";

/** A context whose output can be read; no cluster is reached through it. */
export function fakeTerminal(): { context: CliContext; out: () => string; err: () => string } {
  let out = "";
  let err = "";
  const terminal = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    interactive: false,
  };
  return { context: processContext({ terminal, env: {} }), out: () => out, err: () => err };
}
