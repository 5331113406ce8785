import { afterEach, describe, expect, it } from "@jest/globals";
import { type CliContext, processContext } from "../../../src/cli/context.ts";
import { flmexec } from "../../../src/cli/flmexec/program.ts";
import { flmping } from "../../../src/cli/flmping/program.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { ScriptedFrontend } from "../client/frontend.ts";

let frontend: ScriptedFrontend | undefined;
afterEach(() => frontend?.stop());

/** What runs against a session manager that refuses the first session for now and the second for good. */
async function stderrOf(
  run: (argv: readonly string[], context: CliContext) => Promise<number>,
  argv: readonly string[],
): Promise<string> {
  let asked = 0;
  const createSession = (): FlameError =>
    asked++ === 0
      ? new FlameError("resource_exhausted", "2 sessions are open", { retryAfterMs: 2_000 })
      : new FlameError("not_found", "it is away");
  frontend = await new ScriptedFrontend({ unary: { createSession } }).start();
  const home = temporaryFolder("put-off");
  let err = "";
  const terminal = {
    out: () => undefined,
    err: (text: string) => {
      err += text;
    },
    interactive: false,
  };
  const env = { HOME: home.path, FLAME_ENDPOINT: frontend.endpoint };
  try {
    expect(await run(argv, processContext({ terminal, env }))).toBe(1);
    expect(asked).toBe(2);
  } finally {
    home.remove();
  }
  return err;
}

describe("a session that is refused for now", () => {
  it.each([
    { name: "flmping", run: flmping, argv: ["-t", "1"] },
    { name: "flmexec", run: flmexec, argv: ["-t", "1", "-l", "shell", "-c", "true"] },
  ])("$name says why it waits before it tries again", async ({ run, argv }) => {
    expect(await stderrOf(run, argv)).toBe(
      "Refused for now, tried again in 2 s: 2 sessions are open\nError: it is away\n",
    );
  });
});
