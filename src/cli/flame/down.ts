import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "@commander-js/extra-typings";
import { flameHome } from "../../config/flame-home.ts";
import { FlameError } from "../../model/errors.ts";
import { findInstance } from "../../process/instance-lock.ts";
import type { FlameContext } from "./context.ts";
import { supervisorName } from "./local-cluster.ts";
import { WaitingNotice } from "./waiting-notice.ts";

const goneDeadlineMs = 60_000;
const pollMs = 50;

/** Adds `flame down`. */
export function addDown(program: Command, context: FlameContext): void {
  program
    .command("down")
    .description("Stop the cluster that flame up started in this home, and wait until it is gone.")
    .addHelpText("after", "\nExample:\n  flame down")
    .action(async () => {
      const home = flameHome(context.env).root;
      const instance = await findInstance(home, supervisorName);
      if (instance === undefined) {
        throw new FlameError("not_found", `flame up does not run in "${home}"`);
      }
      context.signal(instance.pid, "SIGTERM");
      await gone(context, home, instance.pid);
      context.terminal.out(`Flame in ${home} is down.\n`);
    });
}

async function gone({ clock, terminal }: FlameContext, home: string, pid: number): Promise<void> {
  const deadline = clock.steady() + goneDeadlineMs;
  const notice = new WaitingNotice(clock, () => {
    const text = `waiting for flame up (process ${pid}) to end: tasks that run have the time of executors.drain`;
    terminal.err(`${text} (logs: ${home}/logs)\n`);
  });
  try {
    while ((await findInstance(home, supervisorName))?.pid === pid) {
      if (clock.steady() > deadline) {
        const text = `flame up (process ${pid}) still runs ${goneDeadlineMs} ms after SIGTERM`;
        throw new FlameError("deadline_exceeded", `${text}; its logs are in ${home}/logs`);
      }
      await delay(pollMs);
    }
  } finally {
    notice.end();
  }
}
