import { processContext } from "../../src/cli/context.ts";
import { flmctl } from "../../src/cli/flmctl/program.ts";
import type { ManagerUnderTest, Printed } from "./in-process-manager.ts";

/** What a command line finds around it, beside the cluster. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** Ends a command that goes on until it is stopped. */
  readonly stop?: AbortSignal;
  /** Called at once with everything that goes to stdout or stderr. */
  readonly onPrinted?: (text: string) => void;
}

/** Runs flmctl against a session manager under test, in surroundings of its own. */
export async function flmctlIn(
  { endpoint, home }: Pick<ManagerUnderTest, "endpoint" | "home">,
  { env = {}, stdin = "", stop, onPrinted }: Surroundings,
  ...argv: string[]
): Promise<Printed> {
  const printed = { out: "", err: "" };
  const print =
    (stream: "out" | "err") =>
    (text: string): void => {
      printed[stream] += text;
      onPrinted?.(text);
    };
  const context = processContext({
    terminal: { out: print("out"), err: print("err"), interactive: false },
    env: { FLAME_ENDPOINT: endpoint, HOME: home, ...env },
  });
  const input = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(stdin);
  };
  const own = { stdin: input, ...(stop !== undefined && { stop }) };
  const code = await flmctl(argv, { ...context, ...own });
  return { code, ...printed };
}
