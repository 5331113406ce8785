import { type Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { flameHome } from "../../config/flame-home.ts";
import { FlameError } from "../../model/errors.ts";
import { findInstance } from "../../process/instance-lock.ts";
import { jsonText } from "../output/documents.ts";
import { plainTable } from "../output/table.ts";
import type { FlameContext } from "./context.ts";
import { daemonNames } from "./daemons.ts";
import { supervisorName } from "./local-cluster.ts";

interface ProgramStatus {
  readonly name: string;
  readonly state: "serving" | "serving, disk full" | "starting" | "stopped";
  readonly pid?: number;
  readonly endpoint?: string;
  readonly version?: string;
}

/** Metrics are on loopback as a rule. */
const metricsTimeoutMs = 2_000;

const known: readonly string[] = [...daemonNames, supervisorName];

/** One more of the arguments: the health check of a container asks for one daemon, which no `flame up` started. */
function addKnown(name: string, before: readonly string[] | undefined): readonly string[] {
  if (known.includes(name)) return [...(before ?? []), name];
  throw new InvalidArgumentError(`got "${name}", expected one of ${known.join(", ")}`);
}

/** Adds `flame status`. */
export function addStatus(program: Command, context: FlameContext): void {
  program
    .command("status")
    .description("Show what of the cluster runs in this home; exit code 1 unless all of it serves.")
    .argument("[daemons...]", `only these: ${known.join(", ")}`, addKnown)
    .option("--json", "print JSON instead of a table")
    .addHelpText("after", "\nExamples:\n  flame status\n  flame status flame-session-manager")
    .action(async (daemons, { json }) => {
      const asked = daemons.length === 0 ? known : daemons;
      const home = flameHome(context.env).root;
      const all = await Promise.all(asked.map((name) => look(home, name)));
      const columns = all.map(({ name, state, pid, endpoint = "", version = "" }) => [
        name,
        state,
        pid?.toString() ?? "",
        endpoint,
        version,
      ]);
      const titles = ["NAME", "STATE", "PID", "ENDPOINT", "VERSION"];
      context.terminal.out(json === true ? jsonText(all) : plainTable([titles, ...columns]));
      const missing = all
        .filter(({ state }) => !state.startsWith("serving"))
        .map(({ name }) => name);
      if (missing.length > 0) {
        throw new FlameError("unavailable", `${missing.join(", ")} not serving in "${home}"`);
      }
    });
}

async function look(home: string, name: string): Promise<ProgramStatus> {
  const instance = await findInstance(home, name);
  if (instance === undefined) return { name, state: "stopped" };
  const { pid, endpoint, version, metrics } = instance;
  const serving = (await isFull(metrics)) ? "serving, disk full" : "serving";
  return {
    name,
    state: endpoint === undefined ? "starting" : serving,
    pid,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(version === undefined ? {} : { version }),
  };
}

/** Whether a daemon says in its metrics that it takes nothing more: the one place that asks for no certificate or token. */
async function isFull(metrics: string | undefined): Promise<boolean> {
  if (metrics === undefined) return false;
  try {
    const answer = await fetch(metrics, { signal: AbortSignal.timeout(metricsTimeoutMs) });
    return /^flame_storage_full 1$/m.test(await answer.text());
  } catch {
    // What it says about its disk is one thing more to know: that it does not answer here says nothing about its service.
    return false;
  }
}
