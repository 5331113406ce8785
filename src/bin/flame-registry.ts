#!/usr/bin/env node
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { flameRegistry } from "../cli/flame-registry/program.ts";
import { processTerminal } from "../cli/output/terminal.ts";
import { readEnv } from "../config/env.ts";
import { systemClock } from "../kit/clock.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

// The second signal ends the program at once.
function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    const onSignal = (): void => {
      for (const signal of signals) process.removeListener(signal, onSignal);
      resolve();
    };
    for (const signal of signals) process.on(signal, onSignal);
  });
}

process.exitCode = await flameRegistry(process.argv.slice(2), {
  terminal: processTerminal(),
  env: readEnv(),
  clock: systemClock,
  // Two folders up: the checkout, or `lib/flame` of a home.
  defaultsFolder: join(dirname(fileURLToPath(import.meta.url)), "..", "..", "defaults"),
  interrupted,
});
