#!/usr/bin/env node
import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { flame } from "../cli/flame/program.ts";
import { processTerminal } from "../cli/output/terminal.ts";
import { readEnv } from "../config/env.ts";
import { systemClock } from "../kit/clock.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

// The second signal ends the program at once; its daemons are killed with it.
function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    const onSignal = (): void => {
      for (const signal of signals) process.removeListener(signal, onSignal);
      resolve();
    };
    for (const signal of signals) process.on(signal, onSignal);
  });
}

process.exitCode = await flame(process.argv.slice(2), {
  terminal: processTerminal(),
  env: readEnv(),
  clock: systemClock,
  programsFolder: dirname(realpathSync(process.argv[1] ?? "")),
  interrupted,
  signal: (pid, signal) => process.kill(pid, signal),
});
