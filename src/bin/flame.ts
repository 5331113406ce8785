#!/usr/bin/env node
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { flame } from "../cli/flame/program.ts";
import { processTerminal } from "../cli/output/terminal.ts";
import { readEnv } from "../config/env.ts";
import { systemClock } from "../kit/clock.ts";
import { lockFiles, lockFolder } from "../object-cache/folder-lock.ts";
import { keepFilesPrivate } from "../process/private-files.ts";
import { offlineDatabase } from "../session-manager/storage/offline-database.ts";

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

/** Holds `migrations`: the checkout, or `lib/flame` of a home. */
const installation = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

// What it writes holds inputs, outputs and tokens, and so does what its daemons write.
keepFilesPrivate();
process.exitCode = await flame(process.argv.slice(2), {
  terminal: processTerminal(),
  env: readEnv(),
  clock: systemClock,
  programsFolder: dirname(realpathSync(process.argv[1] ?? "")),
  interrupted,
  signal: (pid, signal) => process.kill(pid, signal),
  data: {
    ...offlineDatabase(join(installation, "migrations", "sqlite"), systemClock),
    lockObjects: (folder, home) =>
      lockFolder(folder, { program: "flame restore", home }, systemClock.now()),
    objectLockFiles: lockFiles,
  },
});
