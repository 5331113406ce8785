import type { Command } from "@commander-js/extra-typings";
import { flameHome } from "../../config/flame-home.ts";
import { FlameError } from "../../model/errors.ts";
import { findInstance } from "../../process/instance-lock.ts";
import { jsonText } from "../output/documents.ts";
import { plainTable } from "../output/table.ts";
import { daemonNames } from "./daemons.ts";
import { supervisorName } from "./local-cluster.ts";
import type { FlameContext } from "./program.ts";

interface ProgramStatus {
  readonly name: string;
  readonly state: "serving" | "starting" | "stopped";
  readonly pid?: number;
  readonly endpoint?: string;
  readonly version?: string;
}

/** Adds `flame status`. */
export function addStatus(program: Command, context: FlameContext): void {
  program
    .command("status")
    .description("Show what of the cluster runs in this home; exit code 1 unless all of it serves.")
    .option("--json", "print JSON instead of a table")
    .addHelpText("after", "\nExample:\n  flame status")
    .action(async ({ json }) => {
      const home = flameHome(context.env).root;
      const all = await Promise.all(
        [...daemonNames, supervisorName].map((name) => look(home, name)),
      );
      const columns = all.map(({ name, state, pid, endpoint = "", version = "" }) => [
        name,
        state,
        pid?.toString() ?? "",
        endpoint,
        version,
      ]);
      const titles = ["NAME", "STATE", "PID", "ENDPOINT", "VERSION"];
      context.terminal.out(json === true ? jsonText(all) : plainTable([titles, ...columns]));
      const missing = all.filter(({ state }) => state !== "serving").map(({ name }) => name);
      if (missing.length > 0) {
        throw new FlameError("unavailable", `${missing.join(", ")} not serving in "${home}"`);
      }
    });
}

async function look(home: string, name: string): Promise<ProgramStatus> {
  const instance = await findInstance(home, name);
  if (instance === undefined) return { name, state: "stopped" };
  const { pid, endpoint, version } = instance;
  return {
    name,
    state: endpoint === undefined ? "starting" : "serving",
    pid,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(version === undefined ? {} : { version }),
  };
}
